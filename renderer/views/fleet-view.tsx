import { Button, Card, Center, Group, Loader, Stack, Table, Text, Title, UnstyledButton } from "@mantine/core";
import { IconFileImport, IconPlus } from "@tabler/icons-react";
import { useState, type ReactElement } from "react";
import type { ClusterSummary } from "../../contract/assessment";
import { useWords } from "../i18n/words";
import { Age } from "../parts/age";
import { LevelNowBadge } from "../parts/level-badge";
import { go, useStore } from "../state/store";
import { AddCluster } from "./add-cluster";
import { ImportHosts } from "./import-hosts";

/** Every cluster in one line each. */
export function FleetView(): ReactElement {
  const { word } = useWords();
  const fleet = useStore((state) => state.fleet);
  const [isAdding, setAdding] = useState(false);
  const [isImporting, setImporting] = useState(false);
  return (
    <Stack>
      <Group justify="space-between">
        <Title order={1}>{word("ui/fleet")}</Title>
        <Group>
          <Button
            variant="default"
            leftSection={<IconFileImport size={16} aria-hidden />}
            onClick={() => setImporting(true)}
          >
            {word("ui/import")}
          </Button>
          <Button leftSection={<IconPlus size={16} aria-hidden />} onClick={() => setAdding(true)}>
            {word("ui/add")}
          </Button>
        </Group>
      </Group>
      {fleet === null && (
        <Center mih={240}>
          <Loader aria-label={word("ui/loading")} />
        </Center>
      )}
      {fleet?.length === 0 && (
        <Card withBorder p="xl">
          <Title order={2} size="h3">
            {word("ui/empty")}
          </Title>
          <Text mt="xs">{word("ui/empty-help")}</Text>
        </Card>
      )}
      {fleet !== null && fleet.length > 0 && <FleetTable fleet={fleet} />}
      <AddCluster isOpen={isAdding} close={() => setAdding(false)} />
      <ImportHosts isOpen={isImporting} close={() => setImporting(false)} />
    </Stack>
  );
}

function FleetTable({ fleet }: { readonly fleet: readonly ClusterSummary[] }): ReactElement {
  const { word, said, has } = useWords();
  return (
    <Table.ScrollContainer minWidth={700} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
      <Table highlightOnHover verticalSpacing="sm">
        <Table.Thead>
          <Table.Tr>
            {["ui/cluster", "ui/health", "ui/worst", "ui/hosts", "ui/age"].map((code) => (
              <Table.Th key={code}>{word(code)}</Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {fleet.map((one) => (
            <Table.Tr key={one.clusterId}>
              <Table.Td>
                <UnstyledButton onClick={() => go({ kind: "cluster", clusterId: one.clusterId, page: "health" })}>
                  <Text fw={650}>{one.name}</Text>
                  <Text size="xs" c="dimmed">
                    {has(`${one.engine}/title`) ? word(`${one.engine}/title`) : one.engine}
                  </Text>
                </UnstyledButton>
              </Table.Td>
              <Table.Td>
                <LevelNowBadge seen={one} />
                {one.unknowns > 0 && (
                  <Text size="xs" mt={4}>
                    {word("assess/unknowns", { count: one.unknowns })}
                  </Text>
                )}
              </Table.Td>
              <Table.Td>{one.worstFinding === null ? "" : said(one.worstFinding)}</Table.Td>
              <Table.Td>
                {one.reachableNodeCount === null ? word("ui/missing") : `${one.reachableNodeCount} / ${one.nodeCount}`}
              </Table.Td>
              <Table.Td>
                <Age takenAt={one.takenAt} staleAfterMs={one.staleAfterMs} />
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}
