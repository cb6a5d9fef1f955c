/** Whether a name or an address, as a service tells it, is one that only its own host can use. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, "");
  return bare === "localhost" || bare === "::1" || bare.startsWith("127.");
}
