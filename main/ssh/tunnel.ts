import type { Duplex } from "node:stream";

/**
 * Gives a channel the methods of a socket that a client library expects and that mean nothing here: delay and keepalive are the
 * connection's own.
 */
export function decorate<S extends Duplex>(channel: S): S {
  const nothing = (): S => channel;
  Object.assign(channel, {
    setNoDelay: nothing,
    setKeepAlive: nothing,
    setTimeout: nothing,
    ref: nothing,
    unref: nothing,
    destroySoon: () => void channel.destroy(),
  });
  return channel;
}
