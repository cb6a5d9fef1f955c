import { spawn } from "node:child_process";

/** Where there is no display, starts a virtual one; gives what ends it. */
export async function provideDisplay(): Promise<(() => void) | undefined> {
  if (process.platform !== "linux" || process.env.DISPLAY !== undefined) return undefined;
  const server = spawn("Xvfb", ["-displayfd", "3", "-screen", "0", "1440x900x24", "-nolisten", "tcp"], {
    stdio: ["ignore", "ignore", "ignore", "pipe"],
  });
  const number = await new Promise<string>((resolve, reject) => {
    server.once("error", reject);
    server.once("exit", (code) => reject(new Error(`Xvfb ended with ${String(code)}`)));
    server.stdio[3]?.once("data", (bytes: Buffer) => resolve(bytes.toString().trim()));
  });
  process.env.DISPLAY = `:${number}`;
  return () => {
    server.removeAllListeners("exit");
    server.kill();
  };
}

// Playwright takes the default export of its global set-up and no other.
export { provideDisplay as default };
