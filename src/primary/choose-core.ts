// Chooses the HTTP core of this process. It must run before anything of uWebSockets.js is loaded.
import { createRequire } from 'node:module';
import { noBuildOf, thisPlatform } from '#scripts/platform.mjs';
import { sharesPort } from '../cluster/shares-port.js';
import type { AskedCore, ChosenCore } from '../config/chosen-core.js';
import { widenCoreLimits } from '../config/core-environment.js';
import { addonFile, verifyAddon } from '../process/addon-hash.js';
import { coreChoice } from '../process/core-choice.js';

/** @throws ConfigError and StartError as `coreChoice` */
export async function chooseCore(asked: AskedCore): Promise<ChosenCore> {
  const choice = coreChoice(asked, {
    noBuild: () => noBuildOf(thisPlatform()),
    verify: verifyAddon,
    load() {
      widenCoreLimits(asked);
      createRequire(import.meta.url)(addonFile());
    },
  });
  return { ...choice, sharesPort: choice.core === 'uws' || (await sharesPort()) };
}
