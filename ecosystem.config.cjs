// For pm2, of this repository: `pm2 start ecosystem.config.cjs`; `pm2 reload multilane`. It runs
// multilane.config.mjs, as `npm start` does. A project of its own has one from
// template/shared/ecosystem.config.cjs, which gives the reasons for each setting.
// The flags are filled in for a new project; this process has none.
const { args: _flags, ...app } = require('./template/shared/ecosystem.config.cjs').apps[0];

module.exports = { apps: [{ ...app, name: 'multilane', script: 'dist/primary.js', cwd: __dirname }] };
