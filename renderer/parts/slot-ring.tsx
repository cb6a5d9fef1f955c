import { Alert, Anchor, Card, Group, Stack, Table, Text, Title } from "@mantine/core";
import { useId, type ReactElement } from "react";
import type { SlotMap } from "../../contract/consistency";
import { formatUnit } from "../../contract/format";
import { useWords } from "../i18n/words";
import { useEvidence } from "./evidence-drawer";
import { looks, ringOf } from "./slot-ring-model";

const colours = ["blue", "teal", "violet", "orange", "cyan", "pink", "lime", "grape"];
const markColours = { unowned: "red", contested: "red", migrating: "yellow", importing: "yellow" } as const;

/** Who owns which slots, drawn as the ring they are, and said in words beside it. */
export function SlotRing({ map }: { readonly map: SlotMap }): ReactElement {
  const { word, said, language } = useWords();
  const show = useEvidence();
  const id = useId();
  const ring = ringOf(map);
  const [evidence] = map.evidence;
  return (
    <Card withBorder>
      <Title order={2} size="h4">
        {word(map.name)}
      </Title>
      {!map.complete && (
        <Alert color="orange" mt="xs">
          {word("ui/incomplete")}
        </Alert>
      )}
      <Group align="start" mt="sm" gap="xl" wrap="wrap">
        <svg
          viewBox="-100 -100 200 200"
          width={260}
          height={260}
          role="img"
          aria-label={word("ui/slot-ring", { owners: ring.owners.length })}
        >
          <defs>
            {Array.from({ length: looks }, (_, look) => (
              <pattern
                key={look}
                id={`${id}-${look}`}
                width="6"
                height="6"
                patternUnits="userSpaceOnUse"
                patternTransform={`rotate(${look * 22.5})`}
              >
                <rect width="6" height="6" fill={`var(--mantine-color-${colours[look] ?? "blue"}-5)`} />
                {look > 0 && <rect width={look % 4} height="6" fill="var(--mantine-color-body)" opacity="0.45" />}
              </pattern>
            ))}
          </defs>
          {ring.owners.map(({ owner, look, arcs }) =>
            arcs.map(({ key, path }) => (
              <path
                key={key}
                d={path}
                fill={`url(#${id}-${look})`}
                stroke="var(--mantine-color-body)"
                strokeWidth="0.6"
              >
                <title>{owner}</title>
              </path>
            )),
          )}
          {ring.marks.map(({ key, path, state }) => (
            <path key={key} d={path} fill={`var(--mantine-color-${markColours[state]}-6)`}>
              <title>{word(`ui/slots.${state}`)}</title>
            </path>
          ))}
          <text textAnchor="middle" y="4" fontSize="15" fill="var(--mantine-color-text)">
            {formatUnit(map.slotCount, "count", language)}
          </text>
          <text textAnchor="middle" y="18" fontSize="9" fill="var(--mantine-color-dimmed)">
            {word("ui/slots")}
          </text>
        </svg>
        <Stack gap="xs" flex={1} miw={320}>
          <Table verticalSpacing={4}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{word("ui/owner")}</Table.Th>
                <Table.Th>{word("ui/slots")}</Table.Th>
                <Table.Th>{word("ui/slot-ranges")}</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {ring.owners.map(({ owner, look, slotCount }, at) => (
                <Table.Tr key={owner}>
                  <Table.Th scope="row">
                    <svg width="14" height="14" aria-hidden style={{ verticalAlign: "-2px", marginRight: 6 }}>
                      <rect width="14" height="14" fill={`url(#${id}-${look})`} />
                    </svg>
                    {owner}
                  </Table.Th>
                  <Table.Td>{formatUnit(slotCount, "count", language)}</Table.Td>
                  <Table.Td>
                    <Text size="sm" lineClamp={2}>
                      {(map.owners[at]?.ranges ?? [])
                        .map(({ from, to }) => (from === to ? String(from) : `${from}–${to}`))
                        .join(", ")}
                    </Text>
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
          {map.marks.map(({ from, state, says }) => (
            <Text key={`${state} ${from}`} size="sm" fw={600}>
              {word(`ui/slots.${state}`)}: {said(says)}
            </Text>
          ))}
          {map.whatIf.map(({ change, slotCount }, at) => (
            <Text key={at} size="sm" c="dimmed">
              {word("ui/slots-move", { change: said(change), count: slotCount })}
            </Text>
          ))}
          {evidence !== undefined && (
            <Anchor component="button" type="button" size="sm" ta="start" onClick={() => show(evidence)}>
              {word("ui/evidence")}
            </Anchor>
          )}
        </Stack>
      </Group>
    </Card>
  );
}
