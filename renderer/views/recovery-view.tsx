import { Alert, Button, Card, Group, Stack, Text, Title } from "@mantine/core";
import { IconHelpCircle } from "@tabler/icons-react";
import { useState, type ReactElement } from "react";
import type { Assessment } from "../../contract/assessment";
import type { Reply } from "../../contract/channels";
import { formatUnit } from "../../contract/format";
import { isStale } from "../../contract/level";
import type { Plan, RecoveryOffer, RunRecord } from "../../contract/recovery";
import { sentence, type Language, type Sentence } from "../../contract/sentence";
import { request } from "../api";
import { useWords } from "../i18n/words";
import { useNow } from "../parts/age";
import { PlanCard, RiskBadge } from "../parts/plan-card";
import { RunCard } from "../parts/run-card";
import { ask, useStore } from "../state/store";

/** What can be done, why not, the plan, and what became of it. */
export function RecoveryView({ assessment }: { readonly assessment: Assessment }): ReactElement {
  const { word, language } = useWords();
  const now = useNow();
  const isReadOnly = useStore((state) => state.preferences.readOnly);
  const runs = useStore((state) => state.runs);
  const journal = useStore((state) => state.journal);
  const [plan, setPlan] = useState<Plan | null>(null);
  const [refusal, setRefusal] = useState<readonly Sentence[]>([]);
  const own = newestFirst(Object.values(runs).filter(({ clusterId }) => clusterId === assessment.clusterId));
  const obstacles = [
    isReadOnly ? sentence("ui/read-only-now") : null,
    journal.barred,
    staleness(assessment, now, language),
  ].filter((one) => one !== null);
  const obstacle = obstacles[0] ?? null;

  async function draw(reply: Promise<Reply<"recovery:plan">>): Promise<void> {
    setRefusal([]);
    const answer = await ask(reply);
    if (answer?.state === "planned") setPlan(answer.plan);
    if (answer?.state === "refused") setRefusal(answer.objections);
  }
  const { clusterId } = assessment;
  const planUndo = ({ runId }: RunRecord): Promise<void> => draw(request("recovery:plan-undo", { runId }));

  if (plan !== null)
    return <PlanCard plan={plan} clusterName={assessment.name} obstacle={obstacle} close={() => setPlan(null)} />;
  // What is under way, or waits for a word, comes before what else could be done.
  const isWaiting = own.some((run) => isOwed(run) || run.needsAcknowledgement);
  const offers = (
    <Offers
      assessment={assessment}
      isBlocked={obstacle !== null}
      draw={(action, target) => draw(request("recovery:plan", { clusterId, action, target }))}
    />
  );
  return (
    <Stack>
      <InDoubt runs={own} />
      {obstacles.length > 0 && <NotNow reasons={obstacles} />}
      {refusal.length > 0 && <NotNow reasons={refusal} />}
      {!isWaiting && offers}
      <Title order={2} size="h3">
        {word("ui/runs")}
      </Title>
      {journal.problem !== null && <Alert color="orange">{word("ui/runs-not-all")}</Alert>}
      {own.length === 0 && journal.problem === null && <Text>{word("ui/no-runs")}</Text>}
      {own.map((run, at) => (
        <RunCard key={run.runId} run={run} isOpen={at === 0} planUndo={planUndo} />
      ))}
      {isWaiting && offers}
    </Stack>
  );
}

interface OffersProps {
  readonly assessment: Assessment;
  readonly isBlocked: boolean;
  readonly draw: (action: string, target: string) => Promise<void>;
}

/** What can be done now stands first; why the rest cannot is a step away. */
function Offers({ assessment, isBlocked, draw }: OffersProps): ReactElement {
  const { word } = useWords();
  const show = (offers: readonly RecoveryOffer[]): readonly ReactElement[] =>
    offers.map((offer) => <Offer key={offer.action} offer={offer} isBlocked={isBlocked} draw={draw} />);
  const possible = assessment.recoveries.filter(isPossible);
  const others = assessment.recoveries.filter((offer) => !isPossible(offer));
  return (
    <>
      <Title order={2} size="h3">
        {word("ui/offer")}
      </Title>
      {possible.length === 0 && <Text>{word("ui/no-offers")}</Text>}
      {show(possible)}
      {others.length > 0 && (
        <details open={possible.length === 0}>
          <summary className="fold">{word("ui/offers-not-now", { count: others.length })}</summary>
          <Stack mt="sm">{show(others)}</Stack>
        </details>
      )}
    </>
  );
}

function isPossible({ objections, targets }: RecoveryOffer): boolean {
  return objections.length === 0 && targets.some((target) => target.objections.length === 0);
}

function isOwed({ endedAt, state, acknowledgement }: RunRecord): boolean {
  return endedAt === null || (state === "in-doubt" && acknowledgement === null);
}

/** Runs that are still owed an answer stand before all others. */
function newestFirst(runs: readonly RunRecord[]): readonly RunRecord[] {
  return [...runs].sort(
    (one, other) => Number(isOwed(other)) - Number(isOwed(one)) || other.approvedAt - one.approvedAt,
  );
}

/** Old readings offer no recovery. */
function staleness(assessment: Assessment, now: number, language: Language): Sentence | null {
  if (!isStale(assessment, now)) return null;
  const ageMs = Math.max(0, now - assessment.takenAt);
  return sentence("ui/stale-no-recovery", {
    age: formatUnit(Math.floor(ageMs / 1000) * 1000, "duration", language),
  });
}

function InDoubt({ runs }: { readonly runs: readonly RunRecord[] }): ReactElement | null {
  const { word } = useWords();
  const open = runs.filter(({ state, acknowledgement }) => state === "in-doubt" && acknowledgement === null);
  if (open.length === 0) return null;
  return (
    <Alert color="red" variant="filled" icon={<IconHelpCircle aria-hidden />} title={word("ui/in-doubt-title")}>
      {open.map(({ runId, action, target }) => (
        <Text key={runId} size="sm">
          {word("ui/run-of", { action, target })}: {word("ui/in-doubt-banner")}
        </Text>
      ))}
    </Alert>
  );
}

function NotNow({ reasons }: { readonly reasons: readonly Sentence[] }): ReactElement {
  const { word, said } = useWords();
  return (
    <Alert color="orange" title={word("ui/not-now")}>
      {reasons.map((one, at) => (
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
        <RiskBadge risk={offer.risk} />
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
