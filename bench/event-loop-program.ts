import { EventLoopLag } from '../src/operator/event-loop-lag.ts';

/** A program that does nothing, and says how late its event loop was: the share of the machine in such delays. */
const lag = new EventLoopLag();
process.on('message', () => process.send!(lag.seconds()));
process.on('disconnect', () => process.exit());
