// Loaded before a command. It makes the command's standard output a small terminal, which becomes smaller at
// SIGUSR2.
Object.assign(process.stdout, { isTTY: true, columns: 60, rows: 8 });
process.on('SIGUSR2', () => {
  Object.assign(process.stdout, { columns: 25, rows: 6 });
  process.stdout.emit('resize');
});
