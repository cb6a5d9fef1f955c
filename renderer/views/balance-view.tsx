import { Badge, Button, Card, Group, Progress, SimpleGrid, Stack, Table, Text, Title } from "@mantine/core";
import type { ReactElement } from "react";
import type { Assessment } from "../../contract/assessment";
import type { Balance, BalancePlan } from "../../contract/balance";
import type { Figure } from "../../contract/figure";
import { useWords } from "../i18n/words";
import { FigureText } from "../parts/figure-text";
import { go } from "../state/store";

/** How the work is shared out, member by member. */
export function BalanceView({ assessment }: { readonly assessment: Assessment }): ReactElement {
  return (
    <SimpleGrid cols={{ base: 1, md: 2 }}>
      {assessment.balances.map((balance) => (
        <BalanceCard key={balance.measure} balance={balance} clusterId={assessment.clusterId} />
      ))}
    </SimpleGrid>
  );
}

function amountOf(figure: Figure): number | null {
  return figure.state === "known" && typeof figure.value === "number" ? figure.value : null;
}

const verdictColours = { balanced: "teal", skewed: "orange", unknown: "gray" } as const;

function BalanceCard({ balance, clusterId }: { readonly balance: Balance; readonly clusterId: string }): ReactElement {
  const { word } = useWords();
  const most = Math.max(1, ...balance.shares.map(({ amount }) => amountOf(amount) ?? 0));
  return (
    <Card withBorder>
      <Title order={2} size="h4">
        {word(balance.measure)}
      </Title>
      <Stack gap="xs" mt="sm">
        {balance.shares.map(({ member, amount }) => {
          const value = amountOf(amount);
          return (
            <div key={member}>
              <Group justify="space-between" align="end" wrap="nowrap">
                <Text size="sm" style={{ overflowWrap: "anywhere" }}>
                  {member}
                </Text>
                <FigureText figure={amount} />
              </Group>
              {value === null ? (
                <div className="hatched" />
              ) : (
                <Progress value={(value / most) * 100} aria-label={member} color="blue" />
              )}
            </div>
          );
        })}
      </Stack>
      <Group mt="sm" gap="xs">
        <Text size="sm" c="dimmed">
          {word("ui/skew")}
        </Text>
        <FigureText figure={balance.skew} />
        {balance.verdict !== "no-goal" && (
          <Badge variant="light" color={verdictColours[balance.verdict]}>
            {word(`ui/balance.${balance.verdict}`)}
          </Badge>
        )}
        <Text size="xs" c="dimmed">
          {balance.tolerance === null
            ? word("ui/balance-no-goal")
            : word("ui/balance-goal", { tolerance: balance.tolerance, goal: `ui/goal.${balance.goal}` })}
        </Text>
      </Group>
      {balance.plan !== null && <PlanOf plan={balance.plan} clusterId={clusterId} />}
    </Card>
  );
}

/** What would move, as data; it is carried out on the recovery page alone, with its plan shown byte for byte. */
function PlanOf({ plan, clusterId }: { readonly plan: BalancePlan; readonly clusterId: string }): ReactElement {
  const { word } = useWords();
  return (
    <Stack gap={4} mt="sm">
      <Text size="sm" fw={600}>
        {word("ui/balance-plan", { before: plan.skewBefore, after: plan.skewAfter })}
      </Text>
      <Table verticalSpacing={2}>
        <Table.Tbody>
          {plan.moves.map(({ from, to, what, count, bytes }) => (
            <Table.Tr key={`${from} ${to} ${what}`}>
              <Table.Td>
                {from} → {to}
              </Table.Td>
              <Table.Td>
                {count} {word(what)}
              </Table.Td>
              <Table.Td>
                <FigureText figure={bytes} />
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      <Button
        variant="default"
        size="compact-sm"
        w="fit-content"
        onClick={() => go({ kind: "cluster", clusterId, page: "recovery" })}
      >
        {word("ui/balance-carry-out", { action: plan.action })}
      </Button>
    </Stack>
  );
}
