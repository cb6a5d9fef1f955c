import { Anchor, Card, Group, SimpleGrid, Stack, Table, Text, Title } from "@mantine/core";
import type { ReactElement } from "react";
import type { Assessment } from "../../contract/assessment";
import { figureTables, type FigureTable } from "../../contract/figure-table";
import { explainedBy, worstFirst } from "../../contract/findings";
import type { Finding, Level, NamedFigure, NodeView } from "../../contract/health";
import { useWords, type Words } from "../i18n/words";
import { useEvidence } from "../parts/evidence-drawer";
import { FigureText } from "../parts/figure-text";
import { HostLogin } from "../parts/host-login";
import { HistorySection } from "../parts/history-chart";
import { LevelBadge, levelColours } from "../parts/level-badge";

/** What is wrong, who is who, and what may still fail. */
export function HealthView({ assessment }: { readonly assessment: Assessment }): ReactElement {
  const words = useWords();
  const { word } = words;
  const sorted = worstFirst(assessment.findings);
  return (
    <Stack>
      <Title order={2} size="h3">
        {word("ui/findings")}
      </Title>
      {sorted.length === 0 && <Text>{word(assessment.level === "ok" ? "ui/no-findings" : "ui/missing")}</Text>}
      {sorted.map((finding) => (
        <FindingCard key={finding.code + JSON.stringify(finding.subject)} finding={finding} all={assessment.findings} />
      ))}
      {assessment.tolerances.length > 0 && (
        <Title order={2} size="h3">
          {word("ui/tolerance")}
        </Title>
      )}
      <Tolerances assessment={assessment} />
      <Title order={2} size="h3">
        {word("ui/members")}
      </Title>
      <Figures
        rows={assessment.members.map(({ member, level, role, figures }) => ({
          name: member,
          level,
          figures: [{ name: "ui/role", figure: role }, ...figures],
        }))}
      />
      <Title order={2} size="h3">
        {word("ui/nodes")}
      </Title>
      <Figures
        rows={assessment.nodes.map((node) => ({
          name: node.node,
          level: node.level,
          notes: [word(`ui/${node.reachability.state}`), ...transportNotes(node, words)],
          figures: node.figures,
          act: <HostLogin clusterId={assessment.clusterId} node={node.node} />,
        }))}
      />
      <HistorySection assessment={assessment} />
    </Stack>
  );
}

/** Which client reaches a host is told of the connection that is open; where none is, it is said that it is of another. */
function transportNotes({ transport }: NodeView, { word, said }: Words): readonly string[] {
  if (transport === null) return [];
  const how = said(transport.how);
  return [transport.isOpen ? how : word("ui/transport-not-open", { how })];
}

function FindingCard({ finding, all }: { readonly finding: Finding; readonly all: readonly Finding[] }): ReactElement {
  const { word, said, has } = useWords();
  const show = useEvidence();
  const folded = explainedBy(finding, all);
  const more = (part: string): string =>
    has(`${finding.code}.${part}`) ? said({ code: `${finding.code}.${part}`, facts: finding.facts }) : "";
  return (
    <Card
      withBorder
      padding="sm"
      style={{ borderLeft: `4px solid var(--mantine-color-${levelColours[finding.level]}-6)` }}
    >
      <Group justify="space-between" wrap="nowrap" align="start">
        <Text fw={650} size="lg">
          {said(finding)}
        </Text>
        <LevelBadge level={finding.level} />
      </Group>
      {finding.reason !== undefined && (
        <Text size="sm" mt={2}>
          {said(finding.reason)}
        </Text>
      )}
      <Text size="sm">{more("meaning")}</Text>
      <Text size="sm" fw={550}>
        {more("remedy")}
      </Text>
      <Group gap="md" mt={4}>
        <Text size="xs" c="dimmed">
          {word("ui/since", { since: finding.firstSeenAt })}
        </Text>
        {finding.evidence.slice(0, 6).map((id) => (
          <Anchor key={id} component="button" type="button" size="xs" onClick={() => show(id)}>
            {id}
          </Anchor>
        ))}
      </Group>
      {folded.length > 0 && (
        <Stack gap={2} mt="xs" pl="md">
          <Text size="xs" c="dimmed">
            {word("ui/explained", { count: folded.length })}
          </Text>
          {folded.map((one) => (
            <Text key={one.code + JSON.stringify(one.subject)} size="sm">
              {said(one)}
            </Text>
          ))}
        </Stack>
      )}
    </Card>
  );
}

function Tolerances({ assessment }: { readonly assessment: Assessment }): ReactElement {
  const { word, said } = useWords();
  return (
    <SimpleGrid cols={{ base: 1, sm: 2 }}>
      {assessment.tolerances.map(({ object, needs, has, tolerates }) => (
        <Card key={object.code} withBorder padding="sm">
          <Text size="sm">{said(object)}</Text>
          <Text fw={700} size="xl" c={tolerates !== null && tolerates <= 0 ? "red" : "bright"}>
            {tolerates === null ? word("ui/tolerates-unknown") : word("ui/tolerates", { count: tolerates })}
          </Text>
          {has !== null && (
            <Text size="xs" c="dimmed">
              {word("ui/needs-has", { needs, has })}
            </Text>
          )}
        </Card>
      ))}
    </SimpleGrid>
  );
}

interface Row {
  readonly name: string;
  readonly level: Level;
  readonly notes?: readonly string[];
  readonly figures: readonly NamedFigure[];
  readonly act?: ReactElement;
}

function Figures({ rows }: { readonly rows: readonly Row[] }): ReactElement {
  return (
    <>
      {figureTables(rows).map((table) => (
        <FiguresOfOneKind key={table.rows[0]?.name} {...table} />
      ))}
    </>
  );
}

function FiguresOfOneKind({ names, rows }: FigureTable<Row>): ReactElement {
  const { word } = useWords();
  return (
    <Table.ScrollContainer minWidth={700} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
      <Table verticalSpacing={6} className="figures">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{word("ui/name")}</Table.Th>
            <Table.Th>{word("ui/health")}</Table.Th>
            {names.map((name) => (
              <Table.Th key={name}>{word(name)}</Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((row) => (
            <Table.Tr key={row.name}>
              <Table.Th scope="row" className="whole">
                {row.name}
                {row.notes?.map((note) => (
                  <Text key={note} size="xs" c="dimmed" className="host-note">
                    {note}
                  </Text>
                ))}
                {row.act}
              </Table.Th>
              <Table.Td>
                <LevelBadge level={row.level} size="sm" />
              </Table.Td>
              {row.figures.map(({ name, figure }) => (
                <Table.Td key={name}>
                  <FigureText figure={figure} />
                </Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}
