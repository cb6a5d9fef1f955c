import { Alert, AppShell, Button, Group, MantineProvider, NavLink, Text, useMantineColorScheme } from "@mantine/core";
import { IconLayoutList, IconServer2, IconSettings } from "@tabler/icons-react";
import { useEffect, type ReactElement } from "react";
import type { ClusterSummary } from "../contract/assessment";
import { levelNow } from "../contract/level";
import { useWords } from "./i18n/words";
import { useNow } from "./parts/age";
import { levelColours } from "./parts/level-badge";
import { QuestionDialog } from "./parts/question-dialog";
import { acknowledgeDamage, go, useStore, type Place } from "./state/store";
import { cssVariables, theme } from "./style/theme";
import { ClusterView } from "./views/cluster-view";
import { FleetView } from "./views/fleet-view";
import { SettingsView } from "./views/settings-view";

export function App(): ReactElement {
  return (
    <MantineProvider theme={theme} cssVariablesResolver={cssVariables} defaultColorScheme="auto">
      <Frame />
    </MantineProvider>
  );
}

function Frame(): ReactElement {
  const { word, said, language } = useWords();
  const { setColorScheme } = useMantineColorScheme();
  const { place, fleet, trouble, damage, isCoreRunning, preferences } = useStore();
  useEffect(
    () => setColorScheme(preferences.colours === "system" ? "auto" : preferences.colours),
    [preferences.colours, setColorScheme],
  );
  useEffect(() => void (document.documentElement.lang = language), [language]);
  return (
    <AppShell navbar={{ width: 220, breakpoint: 0 }} padding="lg">
      <AppShell.Navbar p="xs">
        <Text fw={750} size="lg" px="sm" py="xs">
          Evenkeel
        </Text>
        <NavLink
          component="button"
          label={word("ui/fleet")}
          leftSection={<IconLayoutList size={18} aria-hidden />}
          active={place.kind === "fleet"}
          onClick={() => go({ kind: "fleet" })}
        />
        {fleet?.map((one) => (
          <ClusterLink
            key={one.clusterId}
            cluster={one}
            isActive={place.kind === "cluster" && place.clusterId === one.clusterId}
          />
        ))}
        <NavLink
          component="button"
          label={word("ui/settings")}
          leftSection={<IconSettings size={18} aria-hidden />}
          active={place.kind === "settings"}
          onClick={() => go({ kind: "settings" })}
        />
      </AppShell.Navbar>
      <AppShell.Main>
        {!isCoreRunning && (
          <Alert color="red" mb="md">
            {word("ui/core-stopped")}
          </Alert>
        )}
        {trouble !== null && (
          <Alert
            color="orange"
            mb="md"
            title={word("ui/trouble")}
            withCloseButton
            closeButtonLabel={word("ui/close")}
            onClose={() => useStore.setState({ trouble: null })}
          >
            {said(trouble)}
          </Alert>
        )}
        {damage.map(({ damageId, sentence }) => (
          <Alert key={damageId} color="red" mb="md" title={word("ui/damage")}>
            <Text size="sm">{said(sentence)}</Text>
            <Button size="compact-sm" variant="default" mt="xs" onClick={() => void acknowledgeDamage(damageId)}>
              {word("ui/damage.seen")}
            </Button>
          </Alert>
        ))}
        <Group display="block">
          <Shown place={place} />
        </Group>
      </AppShell.Main>
      <QuestionDialog />
    </AppShell>
  );
}

function ClusterLink({
  cluster,
  isActive,
}: {
  readonly cluster: ClusterSummary;
  readonly isActive: boolean;
}): ReactElement {
  const { word } = useWords();
  const level = levelNow(cluster, useNow());
  return (
    <NavLink
      component="button"
      label={cluster.name}
      description={word(`ui/level.${level}`)}
      styles={{ description: { color: "var(--mantine-color-text)", opacity: 1 } }}
      leftSection={<IconServer2 size={18} aria-hidden color={`var(--mantine-color-${levelColours[level]}-6)`} />}
      active={isActive}
      onClick={() => go({ kind: "cluster", clusterId: cluster.clusterId, page: "health" })}
    />
  );
}

function Shown({ place }: { readonly place: Place }): ReactElement {
  switch (place.kind) {
    case "fleet":
      return <FleetView />;
    case "settings":
      return <SettingsView />;
    case "cluster":
      return <ClusterView clusterId={place.clusterId} page={place.page} />;
  }
}
