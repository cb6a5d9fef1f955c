import { Button, Center, Group, Loader, Stack, Tabs, Title } from "@mantine/core";
import { IconRefresh } from "@tabler/icons-react";
import type { ReactElement } from "react";
import type { Assessment } from "../../contract/assessment";
import { request } from "../api";
import { useWords } from "../i18n/words";
import { Age } from "../parts/age";
import { EvidenceDrawer } from "../parts/evidence-drawer";
import { LevelNowBadge } from "../parts/level-badge";
import { ask, go, useStore, type Page } from "../state/store";
import { BalanceView } from "./balance-view";
import { ConsistencyView } from "./consistency-view";
import { HealthView } from "./health-view";
import { LogsView } from "./logs-view";
import { RecoveryView } from "./recovery-view";
import { ReportView } from "./report-view";

const pages: readonly Page[] = ["health", "balance", "consistency", "logs", "recovery", "report"];

export function ClusterView({ clusterId, page }: { readonly clusterId: string; readonly page: Page }): ReactElement {
  const { word } = useWords();
  const assessment = useStore((state) => state.assessments[clusterId]);
  if (assessment === undefined)
    return (
      <Center mih={300}>
        <Loader aria-label={word("ui/loading")} />
      </Center>
    );
  return (
    <EvidenceDrawer clusterId={clusterId}>
      <Stack>
        <Group justify="space-between" align="start">
          <Group flex="1 1 320px" miw={0}>
            <Title order={1} style={{ overflowWrap: "anywhere" }}>
              {assessment.name}
            </Title>
            <LevelNowBadge seen={assessment} size="lg" />
            {assessment.unknowns > 0 && <span>{word("assess/unknowns", { count: assessment.unknowns })}</span>}
          </Group>
          <Group wrap="nowrap">
            <Age takenAt={assessment.takenAt} staleAfterMs={assessment.staleAfterMs} />
            <Button
              variant="default"
              leftSection={<IconRefresh size={16} aria-hidden />}
              onClick={() => void ask(request("cluster:refresh", { clusterId }))}
            >
              {word("ui/refresh")}
            </Button>
          </Group>
        </Group>
        <Tabs
          value={page}
          onChange={(next) => go({ kind: "cluster", clusterId, page: pages.find((one) => one === next) ?? "health" })}
          keepMounted={false}
        >
          <Tabs.List mb="md">
            {pages.map((one) => (
              <Tabs.Tab key={one} value={one}>
                {word(`ui/${one}`)}
              </Tabs.Tab>
            ))}
          </Tabs.List>
          {pages.map((one) => (
            <Tabs.Panel key={one} value={one}>
              <PageOf page={one} assessment={assessment} />
            </Tabs.Panel>
          ))}
        </Tabs>
      </Stack>
    </EvidenceDrawer>
  );
}

function PageOf({ page, assessment }: { readonly page: Page; readonly assessment: Assessment }): ReactElement {
  switch (page) {
    case "health":
      return <HealthView assessment={assessment} />;
    case "balance":
      return <BalanceView assessment={assessment} />;
    case "consistency":
      return <ConsistencyView assessment={assessment} />;
    case "logs":
      return <LogsView assessment={assessment} />;
    case "recovery":
      return <RecoveryView assessment={assessment} />;
    case "report":
      return <ReportView assessment={assessment} />;
  }
}
