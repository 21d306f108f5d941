// Outside `npm test`: mocha --spec build/test/system/crash.long.js
import { describeCrashes } from './crashes.js';

describeCrashes(20);
