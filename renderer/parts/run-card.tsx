import { Alert, Badge, Button, Card, Group, Loader, Stack, Text, TextInput } from "@mantine/core";
import {
  IconAlertTriangle,
  IconCircleCheck,
  IconCircleDashed,
  IconCircleX,
  IconEqual,
  IconHelpCircle,
  IconPlayerSkipForward,
} from "@tabler/icons-react";
import { useState, type ReactElement } from "react";
import { formatUnit } from "../../contract/format";
import type { RunRecord, RunState, RunStep } from "../../contract/recovery";
import { request } from "../api";
import { useWords } from "../i18n/words";
import { ask, keepRun } from "../state/store";
import { useNow } from "./age";
import { Where } from "./plan-steps";
import { RiskBadge } from "./plan-card";
import { ShownCommand } from "./shown-command";

const colours: Readonly<Record<RunState, string>> = {
  planned: "gray",
  approved: "blue",
  running: "blue",
  verifying: "blue",
  done: "teal",
  undoing: "blue",
  undone: "gray",
  refused: "gray",
  failed: "red",
  stopped: "orange",
  "in-doubt": "red",
};

interface RunCardProps {
  readonly run: RunRecord;
  readonly isOpen: boolean;
  readonly planUndo: (run: RunRecord) => Promise<void>;
}

/** One run: what it did, step by step, where it stands, and what may be asked of it. */
export function RunCard({ run, isOpen, planUndo }: RunCardProps): ReactElement {
  const { word, said, language } = useWords();
  const isUnderWay = ["approved", "running", "verifying", "undoing"].includes(run.state);
  return (
    <Card withBorder padding="sm" className={run.state === "in-doubt" ? "in-doubt" : undefined}>
      <Group justify="space-between">
        <Group gap="sm">
          <Text fw={650}>{word("ui/run-of", { action: run.action, target: run.target })}</Text>
          <RiskBadge risk={run.risk} />
        </Group>
        <Badge variant={run.state === "in-doubt" ? "filled" : "light"} color={colours[run.state]}>
          {word(`ui/run.${run.state}`)}
        </Badge>
      </Group>
      <Text size="sm" c="dimmed">
        {word("ui/approved-by", { operator: run.operator, at: formatUnit(run.approvedAt, "instant", language) })}
        {run.reason === "" ? "" : ` · ${run.reason}`}
      </Text>
      {run.state === "in-doubt" && (
        <Alert color="red" mt="xs" icon={<IconHelpCircle aria-hidden />}>
          {word("ui/in-doubt")}
        </Alert>
      )}
      {run.verdict !== null && (
        <Text mt={4} fw={550}>
          {said(run.verdict)}
        </Text>
      )}
      {run.state === "stopped" && <HereYouAre run={run} />}
      <details open={isOpen || isUnderWay}>
        <summary className="small">{word("ui/run-log", { count: run.steps.length })}</summary>
        <Stack gap={6} mt="xs" component="ol" className="plain-list">
          {run.steps.map((step, at) => (
            <StepLine key={at} step={step} number={at + 1} />
          ))}
        </Stack>
      </details>
      <Asks run={run} isUnderWay={isUnderWay} planUndo={planUndo} />
    </Card>
  );
}

function HereYouAre({ run }: { readonly run: RunRecord }): ReactElement {
  const { word } = useWords();
  const kept = run.steps.filter(({ state }) => state === "kept").length;
  const unsent = run.steps.filter(({ state }) => state === "skipped").length;
  return (
    <Alert color="orange" mt="xs" icon={<IconAlertTriangle aria-hidden />}>
      {word("ui/here-you-are", { kept, unsent })} {word(run.undoObstacle === null ? "ui/here-undo" : "ui/here-onward")}
    </Alert>
  );
}

const icons: Readonly<Record<RunStep["state"], ReactElement>> = {
  waiting: <IconCircleDashed size={18} aria-hidden />,
  checking: <Loader size={16} aria-hidden />,
  sent: <Loader size={16} aria-hidden />,
  kept: <IconCircleCheck size={18} color="var(--mantine-color-teal-6)" aria-hidden />,
  already: <IconEqual size={18} aria-hidden />,
  broken: <IconCircleX size={18} color="var(--mantine-color-red-6)" aria-hidden />,
  unknown: <IconHelpCircle size={18} color="var(--mantine-color-red-6)" aria-hidden />,
  skipped: <IconPlayerSkipForward size={18} aria-hidden />,
};

function StepLine({ step, number }: { readonly step: RunStep; readonly number: number }): ReactElement {
  const { word, said, language } = useWords();
  const now = useNow();
  const { startedAt, endedAt, output, reason, undoes } = step;
  const isUnderWay = step.state === "checking" || step.state === "sent";
  const tookMs =
    startedAt === null ? null : endedAt !== null ? endedAt - startedAt : isUnderWay ? now - startedAt : null;
  const times =
    startedAt === null
      ? ""
      : `${formatUnit(startedAt, "instant", language)}${tookMs === null ? "" : ` · ${formatUnit(Math.max(0, tookMs), "duration", language)}`}`;
  return (
    <li className="step-line">
      <span className="step-mark">{icons[step.state]}</span>
      <div>
        <Group justify="space-between" wrap="nowrap" gap="sm">
          <Text size="sm">
            {number}. {undoes === null ? "" : `${word("ui/undo-of", { number: undoes + 1 })} `}
            {said(step.step.title)} — <b>{word(`ui/step.${step.state}`)}</b>
          </Text>
          <Text size="xs" c="dimmed" style={{ whiteSpace: "nowrap" }}>
            {times}
          </Text>
        </Group>
        {reason !== null && <Text size="sm">{said(reason)}</Text>}
        <details>
          <summary className="small">{word(startedAt === null ? "ui/what-is-to-be-sent" : "ui/what-was-sent")}</summary>
          <Where {...step.step} />
          <ShownCommand text={step.step.shown} />
          {output !== null && output.trim() !== "" && (
            <>
              <Text size="xs" c="dimmed">
                {word("ui/answered")}
              </Text>
              <ShownCommand text={output.trimEnd()} />
            </>
          )}
        </details>
      </div>
    </li>
  );
}

interface AsksProps {
  readonly run: RunRecord;
  readonly isUnderWay: boolean;
  readonly planUndo: (run: RunRecord) => Promise<void>;
}

function Asks({ run, isUnderWay, planUndo }: AsksProps): ReactElement {
  const { word, said } = useWords();
  const [note, setNote] = useState("");
  const { runId, undoObstacle } = run;
  const isStopAsked = run.acts.at(-1)?.kind === "stop-asked";
  const put = async (reply: ReturnType<typeof request<"recovery:stop">>): Promise<void> => {
    const next = await ask(reply);
    if (next !== null) keepRun(next);
  };
  const isSettled = ["done", "failed", "stopped"].includes(run.state);
  return (
    <Stack gap="xs" mt="xs">
      {isUnderWay && run.state !== "verifying" && (
        <Group>
          <Button
            color="orange"
            size="compact-md"
            disabled={isStopAsked}
            onClick={() => void put(request("recovery:stop", { runId }))}
          >
            {word(isStopAsked ? "ui/stopping" : "ui/stop")}
          </Button>
          <Text size="sm" c="dimmed">
            {word("ui/stop-help")}
          </Text>
        </Group>
      )}
      {run.state === "in-doubt" && (
        <Group>
          <Button size="compact-md" onClick={() => void put(request("recovery:resolve", { runId }))}>
            {word("ui/resolve")}
          </Button>
        </Group>
      )}
      {isSettled && undoObstacle === null && (
        <Group>
          <Button variant="default" size="compact-md" onClick={() => void planUndo(run)}>
            {word("ui/plan-undo")}
          </Button>
        </Group>
      )}
      {isSettled && undoObstacle !== null && (
        <Text size="sm" c="dimmed">
          {word("ui/no-undo")} {said(undoObstacle)}
        </Text>
      )}
      {run.needsAcknowledgement && (
        <Group align="end">
          <TextInput
            label={word("ui/note")}
            value={note}
            onChange={(event) => setNote(event.currentTarget.value)}
            flex={1}
          />
          <Button
            variant="default"
            disabled={note.trim() === ""}
            onClick={() => void put(request("recovery:acknowledge", { runId, note }))}
          >
            {word("ui/acknowledge")}
          </Button>
        </Group>
      )}
      {run.acknowledgement !== null && (
        <Text size="sm" c="dimmed">
          {word("ui/acknowledged", { note: run.acknowledgement })}
        </Text>
      )}
    </Stack>
  );
}
