// For pm2, of this repository: `pm2 start ecosystem.config.cjs`; `pm2 reload multilane`. It runs
// multilane.config.mjs, as `npm start` does. A project of its own has template/ecosystem.config.cjs, which
// gives the reasons for each setting.
const {
  apps: [app],
} = require('./template/ecosystem.config.cjs');

module.exports = { apps: [{ ...app, name: 'multilane', script: 'dist/primary.js', cwd: __dirname }] };
