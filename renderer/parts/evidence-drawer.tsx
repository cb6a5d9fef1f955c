import { Alert, Drawer, Stack, Text } from "@mantine/core";
import { createContext, useContext, useState, type ReactElement, type ReactNode } from "react";
import type { EvidenceDetail } from "../../contract/figure";
import { request } from "../api";
import { useWords } from "../i18n/words";
import { ask } from "../state/store";
import { ShownCommand } from "./shown-command";

const EvidenceContext = createContext<(evidenceId: string) => void>(() => undefined);

/** Opens the evidence of a figure or finding. */
export function useEvidence(): (evidenceId: string) => void {
  return useContext(EvidenceContext);
}

/** Where a figure comes from: host, what was asked, what was answered, when. */
export function EvidenceDrawer({
  clusterId,
  children,
}: {
  readonly clusterId: string;
  readonly children: ReactNode;
}): ReactElement {
  const { word, said } = useWords();
  const [detail, setDetail] = useState<EvidenceDetail | null>(null);
  const show = (evidenceId: string): void =>
    void ask(request("evidence:read", { clusterId, evidenceId })).then(setDetail);
  return (
    <EvidenceContext.Provider value={show}>
      {children}
      <Drawer
        opened={detail !== null}
        onClose={() => setDetail(null)}
        position="right"
        size="xl"
        title={detail?.id ?? ""}
        closeButtonProps={{ "aria-label": word("ui/close") }}
      >
        {detail !== null && (
          <Stack gap="sm">
            <Text size="sm">
              {word("ui/taken", { at: detail.takenAt, took: Math.round(detail.tookMs), size: detail.rawBytes })}
            </Text>
            {detail.problem !== null && <Alert color="orange">{said(detail.problem)}</Alert>}
            <Text fw={600}>{word("ui/asked")}</Text>
            <ShownCommand text={detail.ask} />
            <Text fw={600}>{word("ui/answered")}</Text>
            <ShownCommand text={detail.raw} />
          </Stack>
        )}
      </Drawer>
    </EvidenceContext.Provider>
  );
}
