import { Alert, Badge, Card, Group, Stack, Table, Text, Title } from "@mantine/core";
import type { ReactElement } from "react";
import type { Assessment } from "../../contract/assessment";
import type { FactTable, WitnessTable } from "../../contract/consistency";
import { useWords } from "../i18n/words";
import { SlotRing } from "../parts/slot-ring";
import { FigureText } from "../parts/figure-text";

const colours = { holds: "teal", broken: "red", unknown: "gray" } as const;

/** Whether the members tell the same story, and what they keep for one another. */
export function ConsistencyView({ assessment }: { readonly assessment: Assessment }): ReactElement {
  const { witnesses, tables, maps } = assessment.consistency;
  return (
    <Stack>
      <div className="witnesses">
        {witnesses.map((one) => (
          <Witnesses key={one.claim} table={one} />
        ))}
      </div>
      {maps.map((map) => (
        <SlotRing key={map.name} map={map} />
      ))}
      {tables.map((table) => (
        <Facts key={table.name} table={table} />
      ))}
    </Stack>
  );
}

function Witnesses({ table }: { readonly table: WitnessTable }): ReactElement {
  const { word } = useWords();
  return (
    <Card withBorder>
      <Group justify="space-between" align="start" wrap="nowrap">
        <Title order={2} size="h4">
          {word(table.claim)}
        </Title>
        <Badge variant="light" miw="max-content" color={colours[table.verdict]}>
          {word(`ui/verdict.${table.verdict}`)}
        </Badge>
      </Group>
      <Table mt="sm">
        <Table.Tbody>
          {table.witnesses.map(({ member, says, agrees }) => (
            <Table.Tr key={member} className={agrees === false ? "differs" : ""}>
              <Table.Th scope="row">{member}</Table.Th>
              <Table.Td>
                <FigureText figure={says} />
              </Table.Td>
              <Table.Td>
                {agrees === null
                  ? `? ${word("ui/silent")}`
                  : agrees
                    ? `✓ ${word("ui/agrees")}`
                    : `✗ ${word("ui/differs")}`}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Card>
  );
}

function Facts({ table }: { readonly table: FactTable }): ReactElement {
  const { word } = useWords();
  return (
    <Card withBorder>
      <Title order={2} size="h4">
        {word(table.name)}
      </Title>
      {!table.complete && (
        <Alert color="orange" mt="xs">
          {word("ui/incomplete")}
        </Alert>
      )}
      {table.rows.length === 0 && table.complete && <Text mt="xs">{word(`${table.name}.empty`)}</Text>}
      {table.rows.length > 0 && (
        <Table.ScrollContainer minWidth={300} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
          <Table mt="xs">
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{word("ui/name")}</Table.Th>
                {table.columns.map(({ name }) => (
                  <Table.Th key={name}>{word(name)}</Table.Th>
                ))}
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {table.rows.map((row) => (
                <Table.Tr key={row.subject}>
                  <Table.Th scope="row">{row.subject}</Table.Th>
                  {row.cells.map((cell, at) => (
                    <Table.Td key={at}>
                      <FigureText figure={cell} />
                    </Table.Td>
                  ))}
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
    </Card>
  );
}
