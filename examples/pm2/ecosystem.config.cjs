// The configuration for pm2. In the folder of the project, run `npx pm2 start ecosystem.config.cjs`, and
// later `npx pm2 reload ecosystem.config.cjs`. pm2 runs one process; threads inside of it use the cores.
const drainMs = Number(process.env.MULTILANE_DRAIN_MS || process.env.DRAIN_MS || 10_000);
const noticeMs = Number(process.env.MULTILANE_DRAIN_NOTICE_MS || process.env.DRAIN_NOTICE_MS || 0);

module.exports = {
  apps: [
    {
      name: 'multilane-example-pm2',
      // Paths are relative to `cwd`, which is this folder, wherever pm2 is started.
      script: 'node_modules/multilane/dist/primary.js',
      cwd: __dirname,
      // In cluster mode the new process of a reload listens beside the old one; in fork mode requests are
      // refused meanwhile.
      exec_mode: 'cluster',
      instances: 1,
      // The process sends `ready` when every worker serves. A first start unpacks and initializes PostgreSQL.
      wait_ready: true,
      listen_timeout: 60_000,
      // Longer than the longest drain plus the 3 s that the rest of a stop may take, or pm2 kills requests in
      // flight. Idle connections make the longest drain the usual one.
      kill_timeout: drainMs + noticeMs + 5_000,
      // Killing the process tree would include PostgreSQL, which the process stops last, or hands over.
      treekill: false,
      // A restart does not mend a bad configuration.
      stop_exit_codes: [78],
      exp_backoff_restart_delay: 100,
    },
  ],
};
