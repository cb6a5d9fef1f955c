import type { Catalogue, Language } from "../contract/sentence";
import assessEn from "./assess/messages.en.json";
import assessZh from "./assess/messages.zh-CN.json";
import cliEn from "./cli/messages.en.json";
import cliZh from "./cli/messages.zh-CN.json";
import discoverEn from "./discover/messages.en.json";
import discoverZh from "./discover/messages.zh-CN.json";
import { engines, hostEngine } from "./engine/registry";
import requestEn from "./ipc/messages.en.json";
import requestZh from "./ipc/messages.zh-CN.json";
import importEn from "./import/messages.en.json";
import importZh from "./import/messages.zh-CN.json";
import logsEn from "./logs/messages.en.json";
import logsZh from "./logs/messages.zh-CN.json";
import probeEn from "./probe/messages.en.json";
import probeZh from "./probe/messages.zh-CN.json";
import recoveryEn from "./recovery/messages.en.json";
import recoveryZh from "./recovery/messages.zh-CN.json";
import reportEn from "./report/messages.en.json";
import reportZh from "./report/messages.zh-CN.json";
import sshEn from "./ssh/messages.en.json";
import sshZh from "./ssh/messages.zh-CN.json";
import storeEn from "./store/messages.en.json";
import storeZh from "./store/messages.zh-CN.json";

function merged(language: Language, own: readonly Catalogue[]): Catalogue {
  const ofEngines = [hostEngine, ...engines].map((engine) => engine.messages[language]);
  return Object.assign({}, ...own, ...ofEngines) as Catalogue;
}

/** Every message of the core, in both languages; each code is owned by the folder it is raised in. */
export const catalogues: Readonly<Record<Language, Catalogue>> = {
  en: merged("en", [
    sshEn,
    importEn,
    logsEn,
    assessEn,
    probeEn,
    discoverEn,
    recoveryEn,
    storeEn,
    requestEn,
    reportEn,
    cliEn,
  ]),
  "zh-CN": merged("zh-CN", [
    sshZh,
    importZh,
    logsZh,
    assessZh,
    probeZh,
    discoverZh,
    recoveryZh,
    storeZh,
    requestZh,
    reportZh,
    cliZh,
  ]),
};
