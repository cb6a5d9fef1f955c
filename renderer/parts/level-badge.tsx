import { Badge } from "@mantine/core";
import { IconAlertTriangle, IconCircleCheck, IconCircleX, IconEye, IconHelpCircle } from "@tabler/icons-react";
import type { ReactElement } from "react";
import type { Level } from "../../contract/health";
import { levelNow, type Seen } from "../../contract/level";
import { useWords } from "../i18n/words";
import { useNow } from "./age";

export const levelColours: Readonly<Record<Level, string>> = {
  ok: "teal",
  watch: "yellow",
  degraded: "orange",
  critical: "red",
  unknown: "gray",
};
const icons = {
  ok: IconCircleCheck,
  watch: IconEye,
  degraded: IconAlertTriangle,
  critical: IconCircleX,
  unknown: IconHelpCircle,
};

/** A level in word, sign and colour, never in colour alone. */
export function LevelBadge({
  level,
  size = "md",
}: {
  readonly level: Level;
  readonly size?: "sm" | "md" | "lg";
}): ReactElement {
  const { word } = useWords();
  const Icon = icons[level];
  return (
    <Badge
      color={levelColours[level]}
      variant={level === "critical" ? "filled" : "light"}
      size={size}
      miw="max-content"
      leftSection={<Icon size={13} aria-hidden />}
    >
      {word(`ui/level.${level}`)}
    </Badge>
  );
}

/** The level of a whole cluster, which grows old by itself. */
export function LevelNowBadge({
  seen,
  size = "md",
}: {
  readonly seen: Seen & { readonly level: Level };
  readonly size?: "md" | "lg";
}): ReactElement {
  return <LevelBadge level={levelNow(seen, useNow())} size={size} />;
}
