import type { EventName, EventPayload, Reply, RequestName, Takes } from "../contract/channels";

interface Bridge {
  readonly request: { readonly [N in RequestName]: (argument: Takes<N>) => Promise<Reply<N>> };
  readonly on: { readonly [N in EventName]: (listener: (payload: EventPayload<N>) => void) => () => void };
}

declare global {
  interface Window {
    readonly evenkeel: Bridge;
  }
}

/** Puts a request to the core. Never rejects: what goes wrong is the reply. */
export function request<N extends RequestName>(name: N, argument: Takes<N>): Promise<Reply<N>> {
  const ask: (taken: Takes<N>) => Promise<Reply<N>> = window.evenkeel.request[name];
  return ask(argument);
}

export function listen<N extends EventName>(name: N, listener: (payload: EventPayload<N>) => void): () => void {
  const subscribe: (heard: (payload: EventPayload<N>) => void) => () => void = window.evenkeel.on[name];
  return subscribe(listener);
}
