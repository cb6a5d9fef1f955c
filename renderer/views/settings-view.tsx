import { Input, NumberInput, SegmentedControl, Stack, Switch, Title } from "@mantine/core";
import type { ReactElement } from "react";
import type { Preferences } from "../../contract/preferences";
import { request } from "../api";
import { useWords } from "../i18n/words";
import { ask, useStore } from "../state/store";
import { HostKeysSettings } from "./host-keys-settings";
import { KeptSecretsSettings } from "./kept-secrets-settings";

export function SettingsView(): ReactElement {
  const { word } = useWords();
  const preferences = useStore((state) => state.preferences);
  const change = (changed: Partial<Preferences>): void =>
    void ask(request("preferences:write", { ...preferences, ...changed }));
  return (
    <Stack maw={520}>
      <Title order={1}>{word("ui/settings")}</Title>
      <Input.Wrapper label={word("ui/language")} labelElement="div">
        <SegmentedControl
          fullWidth
          aria-label={word("ui/language")}
          value={preferences.language}
          onChange={(value) => change({ language: value === "zh-CN" ? "zh-CN" : "en" })}
          data={[
            { value: "en", label: "English" },
            { value: "zh-CN", label: "简体中文" },
          ]}
        />
      </Input.Wrapper>
      <Input.Wrapper label={word("ui/colours")} labelElement="div">
        <SegmentedControl
          fullWidth
          aria-label={word("ui/colours")}
          value={preferences.colours}
          onChange={(value) => change({ colours: value === "light" || value === "dark" ? value : "system" })}
          data={(["light", "dark", "system"] as const).map((value) => ({ value, label: word(`ui/${value}`) }))}
        />
      </Input.Wrapper>
      <NumberInput
        label={word("ui/cycle")}
        min={2}
        max={600}
        value={preferences.cycleSeconds}
        onChange={(value) => typeof value === "number" && value >= 2 && change({ cycleSeconds: value })}
      />
      <Switch
        label={word("ui/read-only")}
        checked={preferences.readOnly}
        onChange={(event) => change({ readOnly: event.currentTarget.checked })}
      />
      <HostKeysSettings />
      <KeptSecretsSettings />
    </Stack>
  );
}
