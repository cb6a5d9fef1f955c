import { Badge, Card, Group, Stack, Text } from "@mantine/core";
import type { ReactElement } from "react";
import type { PlanStep } from "../../contract/recovery";
import type { Sentence } from "../../contract/sentence";
import { useWords } from "../i18n/words";
import { ShownCommand } from "./shown-command";

/** The steps of a plan: where each goes, what is sent, what must be seen before and after it, and how it is taken back. */
export function PlanSteps({ steps }: { readonly steps: readonly PlanStep[] }): ReactElement {
  return (
    <Stack gap="sm" component="ol" className="plain-list">
      {steps.map((step, at) => (
        <PlanStepCard key={at} number={at + 1} step={step} />
      ))}
    </Stack>
  );
}

function PlanStepCard({ number, step }: { readonly number: number; readonly step: PlanStep }): ReactElement {
  const { word, said } = useWords();
  const { undo } = step;
  return (
    <Card withBorder padding="sm" component="li">
      <Group justify="space-between" align="start" gap={4}>
        <Text fw={600}>
          {number}. {said(step.title)}
        </Text>
        <Where node={step.node} reachedAs={step.reachedAs} isConnected={step.isConnected} runsAs={step.runsAs} />
      </Group>
      <ShownCommand text={step.shown} />
      <Claims code="ui/only-while" claims={step.stillSafe} />
      <Claims code="ui/done-when" claims={step.achieved} />
      {undo.kind === "by" ? (
        <details>
          <summary className="small">
            {word("ui/undo")}: {said(undo.title)}
          </summary>
          <ShownCommand text={undo.shown} />
        </details>
      ) : (
        <Text size="sm" {...(undo.kind === "needless" && { c: "dimmed" })}>
          {word(undo.kind === "none" ? "ui/no-undo" : "ui/undo-needless")} {said(undo.reason)}
        </Text>
      )}
    </Card>
  );
}

/** Host, login and account of a command: the three that a person at night mixes up. */
export function Where({
  node,
  reachedAs,
  isConnected,
  runsAs,
}: Pick<PlanStep, "node" | "reachedAs" | "isConnected" | "runsAs">): ReactElement {
  const { word } = useWords();
  return (
    <Group gap={6}>
      <Badge variant="default" className="whole-badge">
        {node}
      </Badge>
      <Text size="sm" c="dimmed" style={{ overflowWrap: "anywhere" }}>
        {word(isConnected === false ? "ui/over-configured" : "ui/over", { login: reachedAs })} · {word("ui/as")}{" "}
        {runsAs}
      </Text>
    </Group>
  );
}

function Claims({
  code,
  claims,
}: {
  readonly code: string;
  readonly claims: readonly Sentence[];
}): ReactElement | null {
  const { word, said, language } = useWords();
  if (claims.length === 0) return null;
  return (
    <Text size="sm" mt={2}>
      <Text span c="dimmed">
        {word(code)}
      </Text>{" "}
      {claims.map(said).join(language === "en" ? "; " : "；")}
    </Text>
  );
}
