// Loaded into a web server before the app, by tests only: SIGUSR2 makes it stop itself, as SIGSTOP does, as soon as several
// statements have been gathered, just before they are sent.
import { Gathering } from '../../libs/mysql-cluster/dist/gathering.js';

/** So many wait at least when it stops. */
const GATHERED = 4;

let isArmed = false;
process.on('SIGUSR2', () => (isArmed = true));

const { sendNext } = Gathering.prototype;
Gathering.prototype.sendNext = function () {
  if (isArmed && this.unsent >= GATHERED) {
    isArmed = false;
    process.kill(process.pid, 'SIGSTOP');
  }
  return sendNext.call(this);
};
