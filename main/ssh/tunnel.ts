import type { Duplex } from "node:stream";

/** What a client library expects of a socket and a channel does not have. */
interface SocketLike {
  setNoDelay(): Duplex;
  setKeepAlive(): Duplex;
  setTimeout(): Duplex;
  ref(): Duplex;
  unref(): Duplex;
  destroySoon(): void;
}

/** Gives a channel the methods of a socket that mean nothing here: delay and keepalive are the connection's own. */
export function decorate<S extends Duplex>(channel: S): S & SocketLike {
  const nothing = (): S => channel;
  const methods = {
    setNoDelay: nothing,
    setKeepAlive: nothing,
    setTimeout: nothing,
    ref: nothing,
    unref: nothing,
    destroySoon: () => void channel.destroy(),
  };
  return Object.assign(channel, methods);
}
