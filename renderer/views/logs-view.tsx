import { Alert, Button, Checkbox, Code, Group, Loader, Select, Stack, Text, TextInput } from "@mantine/core";
import { IconRefresh } from "@tabler/icons-react";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef, useState, type CSSProperties, type ReactElement } from "react";
import type { Assessment } from "../../contract/assessment";
import type { LogLine, Logs } from "../../contract/logs";
import { visible } from "../../contract/visible";
import { request } from "../api";
import { useWords } from "../i18n/words";
import { LevelBadge } from "../parts/level-badge";
import { ask } from "../state/store";
import { linesFor, type LogFilter } from "./logs-model";

const mostLines = 2_000;

/** What the members wrote last, on one time line, with known lines explained. Read when the page opens and when a person asks. */
export function LogsView({ assessment }: { readonly assessment: Assessment }): ReactElement {
  const { word, said } = useWords();
  const { clusterId } = assessment;
  const [logs, setLogs] = useState<Logs | null>(null);
  const [isReading, setReading] = useState(true);
  const [filter, setFilter] = useState<LogFilter>({ member: null, text: "", onlyExplained: false });
  /** Counts what a person asked for; the first reading is asked for by opening the page. */
  const [turn, setTurn] = useState(1);
  useEffect(() => {
    let isGone = false;
    void ask(request("logs:read", { clusterId, mostLines })).then((answer) => {
      if (isGone) return;
      if (answer !== null) setLogs(answer);
      setReading(false);
    });
    return () => {
      isGone = true;
    };
  }, [clusterId, turn]);
  const readAgain = (): void => {
    setReading(true);
    setTurn(turn + 1);
  };
  const shown = linesFor(logs?.lines ?? [], filter);
  return (
    <Stack>
      <Group align="end">
        <TextInput
          label={word("ui/log-filter")}
          value={filter.text}
          onChange={(event) => setFilter({ ...filter, text: event.currentTarget.value })}
          flex="1 1 140px"
        />
        <Select
          label={word("ui/log-member")}
          placeholder={word("ui/log-all")}
          w={150}
          data={assessment.members.map(({ member }) => member)}
          value={filter.member}
          onChange={(member) => setFilter({ ...filter, member })}
          clearable
          clearButtonProps={{ "aria-label": word("ui/log-all") }}
        />
        <Checkbox
          label={word("ui/log-explained")}
          checked={filter.onlyExplained}
          onChange={(event) => setFilter({ ...filter, onlyExplained: event.currentTarget.checked })}
          mb={8}
        />
        <Button
          variant="default"
          leftSection={<IconRefresh size={16} aria-hidden />}
          loading={isReading}
          onClick={readAgain}
        >
          {word("ui/log-read")}
        </Button>
      </Group>
      {logs?.sources
        .filter(({ reason }) => reason !== null)
        .map(({ member, reason, ask: command }) => (
          <Alert key={member} color="orange">
            {reason === null ? "" : said(reason)} {command !== "" && <Code>{visible(command)}</Code>}
          </Alert>
        ))}
      {logs === null && isReading && <Loader aria-label={word("ui/loading")} />}
      {logs !== null && shown.length === 0 && <Text>{word("ui/log-none")}</Text>}
      {shown.length > 0 && <Lines lines={shown} />}
    </Stack>
  );
}

function Lines({ lines }: { readonly lines: readonly LogLine[] }): ReactElement {
  const { word } = useWords();
  const frame = useRef<HTMLDivElement>(null);
  const memberWidth = Math.min(22, Math.max(...lines.map(({ member }) => member.length)) + 2);
  const rows = useVirtualizer({
    count: lines.length,
    getScrollElement: () => frame.current,
    estimateSize: () => 26,
    overscan: 20,
  });
  return (
    <div
      ref={frame}
      className="log-lines"
      style={{ "--member-width": `${memberWidth}ch` } as CSSProperties}
      role="log"
      tabIndex={0}
      aria-label={word("ui/logs")}
    >
      <div style={{ height: rows.getTotalSize(), position: "relative" }}>
        {rows.getVirtualItems().map((row) => {
          const line = lines[row.index];
          return line === undefined ? null : (
            <div
              key={row.key}
              ref={rows.measureElement}
              data-index={row.index}
              className="log-line"
              style={{ transform: `translateY(${row.start}px)` }}
            >
              <Line line={line} />
            </div>
          );
        })}
      </div>
    </div>
  );
}

function Line({ line }: { readonly line: LogLine }): ReactElement {
  const { word, has } = useWords();
  const at = line.at === null ? "" : new Date(line.at).toISOString().slice(0, 23).replace("T", " ");
  const { explanation } = line;
  return (
    <>
      <Text size="xs" c="dimmed" className="log-time">
        {at}
      </Text>
      <Text size="xs" fw={600} className="log-member">
        {line.member}
      </Text>
      <div>
        <Text size="xs" ff="monospace" className="log-text">
          {visible(line.text)}
        </Text>
        {explanation !== null && (
          <Group gap="xs" pt={2} pb={6}>
            <LevelBadge level={explanation.level} size="sm" />
            <Text size="xs" fw={600}>
              {word(explanation.code)}
            </Text>
            {has(`${explanation.code}.remedy`) && <Text size="xs">{word(`${explanation.code}.remedy`)}</Text>}
          </Group>
        )}
      </div>
    </>
  );
}
