import type { AuthenticationType, Client } from "ssh2";

type Handler = (protocol: unknown, ...facts: readonly unknown[]) => void;

/**
 * Hears what a server answers to a login before ssh2 does, which keeps two things to itself (1.17.0): that a key held by an agent was right
 * and more is asked for (it reports the answer before that one), and what PAM says without asking (it answers an empty round by itself).
 */
export function hearLoginAnswers(
  client: Client,
  hear: {
    readonly refused: (methodsLeft: readonly AuthenticationType[], isPartial: boolean) => void;
    readonly told: (text: string) => void;
  },
): void {
  const inside = client as unknown as { readonly _protocol?: { readonly _handlers?: Record<string, Handler> } };
  const handlers = inside._protocol?._handlers;
  const { USERAUTH_FAILURE: refused, USERAUTH_INFO_REQUEST: asked } = handlers ?? {};
  if (handlers === undefined || refused === undefined || asked === undefined)
    throw new TypeError("ssh2 keeps its message handlers elsewhere; logins with several methods need them");
  handlers.USERAUTH_FAILURE = (protocol, methods, isPartial) => {
    hear.refused(methods as AuthenticationType[], isPartial === true);
    refused(protocol, methods, isPartial);
  };
  handlers.USERAUTH_INFO_REQUEST = (protocol, title, instruction, prompts) => {
    if (Array.isArray(prompts) && prompts.length === 0) hear.told([title, instruction].filter(Boolean).join("\n"));
    asked(protocol, title, instruction, prompts);
  };
}
