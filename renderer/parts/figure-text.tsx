import { Text, Tooltip } from "@mantine/core";
import type { ReactElement } from "react";
import type { Figure } from "../../contract/figure";
import { useWords } from "../i18n/words";
import { useEvidence } from "./evidence-drawer";

/** A figure as text that leads to its evidence; one that is missing says why, and never looks like a value. */
export function FigureText({ figure }: { readonly figure: Figure }): ReactElement {
  const { known, said, word } = useWords();
  const show = useEvidence();
  const { evidence } = figure;
  const open = evidence === null ? undefined : () => show(evidence);
  if (figure.state === "missing") {
    return (
      <Tooltip label={said(figure.reason)} multiline maw={420}>
        <Text
          component="button"
          type="button"
          className="figure missing"
          onClick={open}
          aria-label={said(figure.reason)}
        >
          {word("ui/missing")}
        </Text>
      </Tooltip>
    );
  }
  return (
    <Text component="button" type="button" className="figure" onClick={open}>
      {known(figure)}
    </Text>
  );
}
