import type { Assessment } from "../../contract/assessment";
import type { Figure } from "../../contract/figure";
import { levelPlaces, seriesId } from "../../contract/history";

/** Every number of an assessment by its series. What is missing is left out, so that it becomes a gap. */
export function figuresOf(assessment: Assessment): ReadonlyMap<string, number> {
  const figures = new Map<string, number>();
  const add = (series: string, figure: Figure): void => {
    if (figure.state === "known" && typeof figure.value === "number" && figure.unit !== "instant")
      figures.set(series, figure.value);
  };
  figures.set(seriesId({ kind: "level" }), levelPlaces.indexOf(assessment.level));
  for (const one of assessment.members)
    for (const { name, figure } of one.figures)
      add(seriesId({ kind: "member", name: one.member, figure: name }), figure);
  for (const one of assessment.nodes)
    for (const { name, figure } of one.figures) add(seriesId({ kind: "node", name: one.node, figure: name }), figure);
  for (const { measure, skew } of assessment.balances) add(seriesId({ kind: "skew", measure }), skew);
  return figures;
}
