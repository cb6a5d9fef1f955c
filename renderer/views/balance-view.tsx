import { Card, Group, Progress, SimpleGrid, Stack, Text, Title } from "@mantine/core";
import type { ReactElement } from "react";
import type { Assessment } from "../../contract/assessment";
import type { Balance } from "../../contract/balance";
import type { Figure } from "../../contract/figure";
import { useWords } from "../i18n/words";
import { FigureText } from "../parts/figure-text";

/** How the work is shared out, member by member. */
export function BalanceView({ assessment }: { readonly assessment: Assessment }): ReactElement {
  return (
    <SimpleGrid cols={{ base: 1, md: 2 }}>
      {assessment.balances.map((balance) => (
        <BalanceCard key={balance.measure} balance={balance} />
      ))}
    </SimpleGrid>
  );
}

function amountOf(figure: Figure): number | null {
  return figure.state === "known" && typeof figure.value === "number" ? figure.value : null;
}

function BalanceCard({ balance }: { readonly balance: Balance }): ReactElement {
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
              <Group justify="space-between">
                <Text size="sm">{member}</Text>
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
      </Group>
    </Card>
  );
}
