import { Text, Tooltip } from "@mantine/core";
import type { ReactElement } from "react";
import type { Figure } from "../../contract/figure";
import { useWords } from "../i18n/words";
import { useEvidence } from "./evidence-drawer";

/** A figure as text that leads to its evidence. One that is missing, or that there is none of, says why, and neither looks like a value. */
export function FigureText({ figure }: { readonly figure: Figure }): ReactElement {
  const { known, said, word } = useWords();
  const show = useEvidence();
  const { evidence } = figure;
  const open = evidence === null ? undefined : () => show(evidence);
  if (figure.state === "known") {
    return (
      <Text component="button" type="button" className="figure" onClick={open}>
        {known(figure)}
      </Text>
    );
  }
  const reason = said(figure.reason);
  return (
    <Tooltip label={reason} multiline maw={420} events={{ hover: true, focus: true, touch: true }}>
      <Text component="button" type="button" className={`figure ${figure.state}`} onClick={open} aria-label={reason}>
        {figure.state === "missing" ? word("ui/missing") : "–"}
      </Text>
    </Tooltip>
  );
}
