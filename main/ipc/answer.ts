import { requests, type Gives, type Reply, type RequestName, type Takes } from "../../contract/channels";
import { sentence, type Sentence } from "../../contract/sentence";

export type RequestErrorKind = "not-found" | "refused" | "unavailable";

/** A request that was understood and cannot be granted. */
export class RequestError extends Error {
  readonly kind: RequestErrorKind;
  readonly sentence: Sentence;
  constructor(kind: RequestErrorKind, reason: Sentence) {
    super(`${kind}: ${reason.code} ${JSON.stringify(reason.facts)}`);
    this.name = "RequestError";
    this.kind = kind;
    this.sentence = reason;
  }
}

/** One function a request; total, or the core does not compile. */
export type Handlers = { readonly [N in RequestName]: (argument: Takes<N>) => Promise<Gives<N>> };

/** An error of any layer that carries its sentence for people. */
interface Spoken {
  readonly sentence: Sentence;
}

/**
 * Checks the argument, calls the handler and turns what it throws into a reply; the only place where errors become replies.
 * The argument is checked here a second time: the command line comes this way too, without the shell's check.
 */
export async function answer<N extends RequestName>(
  handlers: Handlers,
  name: N,
  argument: Takes<N>,
): Promise<Reply<N>> {
  const checked = requests[name].takes.safeParse(argument);
  if (!checked.success) {
    const problem = checked.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; ");
    return {
      ok: false,
      kind: "argument-refused",
      sentence: sentence("request/argument-refused", { request: name, problem }),
    };
  }
  try {
    const handler: (taken: Takes<N>) => Promise<Gives<N>> = handlers[name];
    return { ok: true, value: await handler(checked.data as Takes<N>) };
  } catch (error) {
    if (error instanceof RequestError) return { ok: false, kind: error.kind, sentence: error.sentence };
    const spoken = spokenBy(error);
    if (spoken !== null) return { ok: false, kind: "refused", sentence: spoken };
    const problem = error instanceof Error ? error.message : String(error);
    return { ok: false, kind: "internal", sentence: sentence("request/internal", { request: name, problem }) };
  }
}

/** What an error itself says to people; null when it has no words for them. */
export function spokenBy(error: unknown): Sentence | null {
  return isSpoken(error) ? error.sentence : null;
}

function isSpoken(error: unknown): error is Error & Spoken {
  if (!(error instanceof Error) || !("sentence" in error)) return false;
  const spoken = error.sentence;
  return typeof spoken === "object" && spoken !== null && "code" in spoken && "facts" in spoken;
}
