// Loaded into a web server before the app, by tests only: each statement goes out alone, for a comparison with those that go
// together. SIGUSR2 makes it stop itself, as SIGSTOP does, just before the next one is sent.
import { Gathering } from '../../libs/mysql-cluster/dist/gathering.js';

let isArmed = false;
process.on('SIGUSR2', () => (isArmed = true));

Gathering.prototype.run = async function (by, key, value, deadline) {
  if (isArmed) {
    isArmed = false;
    process.kill(process.pid, 'SIGSTOP');
  }
  const { sql, parameters } = this.alone(by, value);
  return this.answerAlone(await this.connections.run(sql, parameters, deadline));
};
