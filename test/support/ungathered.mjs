// Loaded into a web server before the app, by tests only: each statement goes out alone, for a comparison with those that go
// together. SIGUSR2 makes it stop itself, as SIGSTOP does, as soon as several statements are under way, just before the next
// one is sent.
import { Gathering } from '../../libs/mysql-cluster/dist/gathering.js';

/** So many are under way at least when it stops. */
const UNDER_WAY = 4;

let underWay = 0;
let isArmed = false;
process.on('SIGUSR2', () => (isArmed = true));

Gathering.prototype.run = async function (by, key, value, deadline) {
  if (isArmed && underWay >= UNDER_WAY) {
    isArmed = false;
    process.kill(process.pid, 'SIGSTOP');
  }
  const { sql, parameters } = this.alone(by, value);
  underWay++;
  try {
    return this.answerAlone(await this.connections.run(sql, parameters, deadline));
  } finally {
    underWay--;
  }
};
