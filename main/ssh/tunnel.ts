import type { Duplex } from "node:stream";

/** What a client library expects of a socket and a channel does not have. */
interface SocketLike {
  setNoDelay(): this;
  setKeepAlive(): this;
  setTimeout(): this;
  ref(): this;
  unref(): this;
  destroySoon(): void;
}

/** Gives a channel the methods of a socket that mean nothing here: delay and keepalive are the connection's own. */
export function decorate<S extends Duplex>(channel: S): S & SocketLike {
  const decorated = channel as S & SocketLike;
  const nothing = (): S & SocketLike => decorated;
  return Object.assign(decorated, {
    setNoDelay: nothing,
    setKeepAlive: nothing,
    setTimeout: nothing,
    ref: nothing,
    unref: nothing,
    destroySoon: () => void decorated.destroy(),
  });
}
