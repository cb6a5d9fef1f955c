import { createHistory } from "../../main/store/history";
import { assessmentAt } from "./assessments";

/** Notes one assessment a step and says each time when it is on disk, until it is killed. */
const [path = ""] = process.argv.slice(2);
const history = createHistory({ path, nowMs: Date.now, maxBytes: 2 ** 26 });
for (let step = 0; ; step += 1) {
  history.note(assessmentAt(step * 10_000, step));
  await history.flush();
  process.stdout.write(`${step}\n`);
}
