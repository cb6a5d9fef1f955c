import { Alert, Badge, Button, Code, Group, List, Stack, Text, TextInput, Title } from "@mantine/core";
import { useState, type KeyboardEvent, type ReactElement } from "react";
import { formatUnit } from "../../contract/format";
import type { Plan, Risk } from "../../contract/recovery";
import type { Sentence } from "../../contract/sentence";
import { request } from "../api";
import { useWords } from "../i18n/words";
import { ask, keepRun } from "../state/store";
import { useNow } from "./age";
import { PlanSteps } from "./plan-steps";

interface PlanCardProps {
  readonly plan: Plan;
  readonly clusterName: string;
  /** Why it may not run now, such as readings grown old; null when it may. */
  readonly obstacle: Sentence | null;
  readonly close: () => void;
}

/** A plan to read and to approve. What confirms it grows with what it risks; Enter and paste never do. */
export function PlanCard({ plan, clusterName, obstacle, close }: PlanCardProps): ReactElement {
  const { word, said, language } = useWords();
  const now = useNow();
  const leftMs = plan.expiresAt - now;
  return (
    <Stack>
      <Group justify="space-between">
        <Title order={2} size="h3">
          {word(plan.undoes === null ? "ui/plan-for" : "ui/undo-plan-for", {
            action: plan.action,
            target: plan.target,
          })}
        </Title>
        <Group gap="sm">
          <Text size="sm" c="dimmed">
            {clusterName}
          </Text>
          <RiskBadge risk={plan.risk} />
        </Group>
      </Group>
      {plan.warnings.length > 0 && (
        <Alert color="orange" title={word("ui/warnings")}>
          {plan.warnings.map((one, at) => (
            <Text key={at} size="sm">
              {said(one)}
            </Text>
          ))}
        </Alert>
      )}
      <Group align="start" grow>
        <ClaimList code="ui/rests-on" claims={plan.restsOn} />
        <ClaimList code="ui/goal" claims={plan.goal} />
      </Group>
      <PlanSteps steps={plan.steps} />
      <Text size="sm" c="dimmed">
        {leftMs > 0
          ? word("ui/plan-lives", { left: formatUnit(Math.ceil(leftMs / 60_000) * 60_000, "duration", language) })
          : word("ui/plan-expired")}{" "}
        {word("ui/fingerprint")} <Code>{plan.fingerprint}</Code>
      </Text>
      {obstacle !== null && <Alert color="orange">{said(obstacle)}</Alert>}
      <Approval plan={plan} isOpen={obstacle === null && leftMs > 0} close={close} />
    </Stack>
  );
}

function Approval({
  plan,
  isOpen,
  close,
}: {
  readonly plan: Plan;
  readonly isOpen: boolean;
  readonly close: () => void;
}): ReactElement {
  const { word } = useWords();
  const [typed, setTyped] = useState("");
  const [reason, setReason] = useState("");
  const [isAsking, setAsking] = useState(false);
  const isConfirmed = plan.confirmation.kind === "click" || typed === plan.confirmation.text;

  async function approve(): Promise<void> {
    setAsking(true);
    const { planId, fingerprint } = plan;
    const run = await ask(request("recovery:approve", { planId, fingerprint, typed, reason }));
    if (run !== null) keepRun(run);
    close();
  }

  const refuse = (event: { preventDefault: () => void }): void => event.preventDefault();
  return (
    <Stack gap="sm" maw={640}>
      <TextInput label={word("ui/reason")} value={reason} onChange={(event) => setReason(event.currentTarget.value)} />
      {plan.confirmation.kind === "type" && (
        <TextInput
          label={word("ui/confirm-type", { text: plan.confirmation.text })}
          aria-label={word("ui/confirm")}
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
          onPaste={refuse}
          onDrop={refuse}
          autoComplete="off"
          spellCheck={false}
        />
      )}
      <Group>
        <Button variant="default" onClick={close} data-autofocus>
          {word("ui/cancel")}
        </Button>
        <Button
          color="red"
          disabled={!isConfirmed || !isOpen}
          loading={isAsking}
          onKeyDown={(event: KeyboardEvent) => event.key === "Enter" && event.preventDefault()}
          onClick={() => void approve()}
        >
          {word(plan.undoes === null ? "ui/run" : "ui/run-undo")}
        </Button>
      </Group>
    </Stack>
  );
}

function ClaimList({ code, claims }: { readonly code: string; readonly claims: readonly Sentence[] }): ReactElement {
  const { word, said } = useWords();
  return (
    <div>
      <Text size="sm" fw={600}>
        {word(code)}
      </Text>
      <List size="sm">
        {claims.map((one, at) => (
          <List.Item key={at}>{said(one)}</List.Item>
        ))}
      </List>
    </div>
  );
}

export function RiskBadge({ risk }: { readonly risk: Risk }): ReactElement {
  const { word } = useWords();
  return (
    <Badge variant="light" color={risk === "R3" ? "red" : risk === "R2" ? "orange" : "blue"}>
      {word(`ui/risk.${risk}`)}
    </Badge>
  );
}
