import { useEffect, useState } from "react";
import type { History } from "../../contract/history";
import { request } from "../api";

const againMs = 10_000;

/** The series of the last `spanMs`, asked again as steps go by; null until the first answer. Keeps the last answer when one is refused. */
export function useHistory(clusterId: string, series: readonly string[], spanMs: number): History | null {
  const [history, setHistory] = useState<History | null>(null);
  const asked = series.join("\n");
  useEffect(() => {
    let gone = false;
    const read = async (): Promise<void> => {
      const reply = await request("history:read", {
        clusterId,
        series: asked.split("\n"),
        fromMs: Date.now() - spanMs,
      });
      if (!gone && reply.ok) setHistory(reply.value);
    };
    void read();
    const timer = setInterval(() => void read(), againMs);
    return () => {
      gone = true;
      clearInterval(timer);
    };
  }, [clusterId, asked, spanMs]);
  return history;
}
