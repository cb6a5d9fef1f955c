import { Badge, Text } from "@mantine/core";
import { useEffect, useState, type ReactElement } from "react";
import { formatUnit } from "../../contract/format";
import { isOfTheFuture, isStale, type Seen } from "../../contract/level";
import { useWords } from "../i18n/words";

/** The time now, once a second: what is shown grows old by itself, also when nothing arrives any more. */
export function useNow(): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}

export function Age({ takenAt, staleAfterMs }: Seen): ReactElement {
  const { word, language } = useWords();
  const now = useNow();
  if (takenAt === null) return <Text size="sm">{word("ui/never")}</Text>;
  const ageMs = Math.max(0, now - takenAt);
  const age = formatUnit(Math.floor(ageMs / 1000) * 1000, "duration", language);
  if (isStale({ takenAt, staleAfterMs }, now))
    return (
      <Badge color="orange" variant="light">
        {isOfTheFuture(takenAt, now) ? word("ui/stale-clock") : word("ui/stale", { age })}
      </Badge>
    );
  return <Text size="sm">{ageMs < 1_000 ? word("ui/just-now") : word("ui/ago", { age })}</Text>;
}
