import { Alert, Badge, Button, Card, Code, Group, Stack, Text, TextInput, Title } from "@mantine/core";
import { useState, type ReactElement } from "react";
import type { Assessment } from "../../contract/assessment";
import type { Plan, RecoveryOffer, RunRecord } from "../../contract/recovery";
import type { Sentence } from "../../contract/sentence";
import { visible } from "../../contract/visible";
import { request } from "../api";
import { useWords } from "../i18n/words";
import { useNow } from "../parts/age";
import { ask, useStore } from "../state/store";

/** What can be done, why not, the plan, and what became of it. */
export function RecoveryView({ assessment }: { readonly assessment: Assessment }): ReactElement {
  const { word } = useWords();
  const now = useNow();
  const isReadOnly = useStore((state) => state.preferences.readOnly);
  const runs = useStore((state) => state.runs);
  const [plan, setPlan] = useState<Plan | null>(null);
  const [refusal, setRefusal] = useState<readonly Sentence[]>([]);
  const isStale = now - assessment.takenAt > assessment.staleAfterMs;
  const own = Object.values(runs)
    .filter(({ clusterId }) => clusterId === assessment.clusterId)
    .sort((one, other) => other.approvedAt - one.approvedAt);

  async function draw(action: string, target: string): Promise<void> {
    setRefusal([]);
    const answer = await ask(request("recovery:plan", { clusterId: assessment.clusterId, action, target }));
    if (answer?.state === "planned") setPlan(answer.plan);
    if (answer?.state === "refused") setRefusal(answer.objections);
  }

  if (plan !== null) return <PlanView plan={plan} close={() => setPlan(null)} />;
  return (
    <Stack>
      <Title order={2} size="h3">
        {word("ui/offer")}
      </Title>
      {refusal.length > 0 && <Objections objections={refusal} />}
      {assessment.recoveries.map((offer) => (
        <Offer key={offer.action} offer={offer} isBlocked={isStale || isReadOnly} draw={draw} />
      ))}
      <Title order={2} size="h3">
        {word("ui/runs")}
      </Title>
      {own.length === 0 && <Text>{word("ui/no-runs")}</Text>}
      {own.map((run) => (
        <Run key={run.runId} run={run} />
      ))}
    </Stack>
  );
}

function Objections({ objections }: { readonly objections: readonly Sentence[] }): ReactElement {
  const { word, said } = useWords();
  return (
    <Alert color="orange" title={word("ui/not-now")}>
      {objections.map((one, at) => (
        <Text key={at} size="sm">
          {said(one)}
        </Text>
      ))}
    </Alert>
  );
}

interface OfferProps {
  readonly offer: RecoveryOffer;
  readonly isBlocked: boolean;
  readonly draw: (action: string, target: string) => Promise<void>;
}

function Offer({ offer, isBlocked, draw }: OfferProps): ReactElement {
  const { word, said } = useWords();
  return (
    <Card withBorder padding="sm">
      <Group justify="space-between">
        <Text fw={650}>{word(offer.action)}</Text>
        <Badge variant="outline" color={offer.risk === "R3" ? "red" : "blue"}>
          {word(`ui/risk.${offer.risk}`)}
        </Badge>
      </Group>
      {offer.objections.map((one, at) => (
        <Text key={at} size="sm" c="dimmed">
          {said(one)}
        </Text>
      ))}
      {offer.objections.length === 0 && (
        <Stack gap={4} mt="xs">
          {offer.targets.map(({ target, objections }) => (
            <Group key={target} gap="sm" wrap="nowrap">
              <Button
                size="compact-sm"
                variant="default"
                disabled={isBlocked || objections.length > 0}
                onClick={() => void draw(offer.action, target)}
                aria-label={`${word(offer.action)} ${target}`}
              >
                {word("ui/plan")} → {target}
              </Button>
              <Text size="sm" c="dimmed">
                {objections.map(said).join(" ")}
              </Text>
            </Group>
          ))}
        </Stack>
      )}
    </Card>
  );
}

function PlanView({ plan, close }: { readonly plan: Plan; readonly close: () => void }): ReactElement {
  const { word, said } = useWords();
  const [typed, setTyped] = useState("");
  const [reason, setReason] = useState("");
  const isConfirmed = plan.confirmation.kind === "click" || typed === plan.confirmation.text;

  async function approve(): Promise<void> {
    const { planId, fingerprint } = plan;
    const run = await ask(request("recovery:approve", { planId, fingerprint, typed, reason }));
    if (run !== null) useStore.setState(({ runs }) => ({ runs: { [run.runId]: run, ...runs } }));
    close();
  }

  return (
    <Stack>
      <Group justify="space-between">
        <Title order={2} size="h3">
          {word("ui/plan-for", { action: plan.action, target: plan.target })}
        </Title>
        <Badge variant="outline" color={plan.risk === "R3" ? "red" : "blue"}>
          {word(`ui/risk.${plan.risk}`)}
        </Badge>
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
      {plan.steps.map((step, at) => (
        <Card key={at} withBorder padding="sm">
          <Text fw={600}>
            {at + 1}. {said(step.title)}
          </Text>
          <Text size="xs" c="dimmed">
            {step.node} · {word("ui/as")} {step.runsAs}
          </Text>
          <Code block mt={4}>
            {visible(step.shown)}
          </Code>
          {step.undoShown !== null && (
            <>
              <Text size="xs" c="dimmed" mt={4}>
                {word("ui/undo")}
              </Text>
              <Code block>{visible(step.undoShown)}</Code>
            </>
          )}
        </Card>
      ))}
      {plan.confirmation.kind === "type" && (
        <TextInput
          label={word("ui/confirm-type", { text: plan.confirmation.text })}
          aria-label={word("ui/confirm")}
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
          onPaste={(event) => event.preventDefault()}
          autoComplete="off"
        />
      )}
      <TextInput label={word("ui/reason")} value={reason} onChange={(event) => setReason(event.currentTarget.value)} />
      <Group>
        <Button variant="default" onClick={close}>
          {word("ui/cancel")}
        </Button>
        <Button color="red" disabled={!isConfirmed} onClick={() => void approve()}>
          {word("ui/run")}
        </Button>
      </Group>
    </Stack>
  );
}

function Run({ run }: { readonly run: RunRecord }): ReactElement {
  const { word, said } = useWords();
  const [note, setNote] = useState("");
  const keep = (reply: ReturnType<typeof request<"recovery:acknowledge">>): void =>
    void ask(reply).then(
      (next) => next !== null && useStore.setState(({ runs }) => ({ runs: { ...runs, [next.runId]: next } })),
    );
  return (
    <Card withBorder padding="sm">
      <Group justify="space-between">
        <Text fw={650}>
          {word(run.action)} → {run.target}
        </Text>
        <Badge
          variant="light"
          color={run.state === "done" ? "teal" : run.state === "in-doubt" || run.state === "failed" ? "red" : "blue"}
        >
          {word(`ui/run.${run.state}`)}
        </Badge>
      </Group>
      {run.state === "in-doubt" && (
        <Alert color="red" mt="xs">
          {word("ui/in-doubt")}
        </Alert>
      )}
      {run.verdict !== null && (
        <Text size="sm" mt={4}>
          {said(run.verdict)}
        </Text>
      )}
      <Stack gap={2} mt="xs">
        {run.steps.map((step, at) => (
          <Text key={at} size="sm">
            {at + 1}. {said(step.step.title)} — {word(`ui/step.${step.state}`)}
            {step.reason === null ? "" : ` (${said(step.reason)})`}
          </Text>
        ))}
      </Stack>
      {run.state === "in-doubt" && (
        <Button mt="xs" size="compact-sm" onClick={() => keep(request("recovery:resolve", { runId: run.runId }))}>
          {word("ui/resolve")}
        </Button>
      )}
      {run.needsAcknowledgement && (
        <Group mt="xs" align="end">
          <TextInput
            label={word("ui/note")}
            value={note}
            onChange={(event) => setNote(event.currentTarget.value)}
            flex={1}
          />
          <Button
            variant="default"
            disabled={note.trim() === ""}
            onClick={() => keep(request("recovery:acknowledge", { runId: run.runId, note }))}
          >
            {word("ui/acknowledge")}
          </Button>
        </Group>
      )}
    </Card>
  );
}
