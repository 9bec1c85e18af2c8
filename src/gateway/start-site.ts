/**
 * Starting the daemon of a site: the only one, or one of several over one database.
 *
 * @module
 */

import { join } from 'node:path'
import { SiteConfigurationShape, type SiteConfiguration } from '#site'
import { SystemClock } from './clock.ts'
import { readConfigurationFile } from './config.ts'
import { openFolder } from './folder.ts'
import { FileSink, JsonLog } from './log.ts'
import { testedRandom } from './random.ts'
import { GatewayRefusal } from './refusal.ts'
import { Shutdown } from './shutdown.ts'
import { CONFIG_FILE, type Daemon, type DaemonOptions } from './site-daemon.ts'
import { startInTurns } from './turns.ts'

/**
 * Starts the daemon of a site.
 *
 * @throws GatewayRefusal, EnrolmentRefusal, RootKeyRefusal, LogRefusal and others: nothing runs then
 */
export async function startSite(options: DaemonOptions): Promise<Daemon> {
  const folder = openFolder(options.folder)
  const written = readConfigurationFile(join(folder, CONFIG_FILE), SiteConfigurationShape)
  const configuration = configurationOf(written, options.as)
  const clock = new SystemClock()
  const logFile = options.as === undefined ? 'daemon.log' : `daemon-${options.as}.log`
  const sinks = [new FileSink({ path: join(folder, 'log', logFile) })]
  const log = new JsonLog({ clock, sinks, least: configuration.logLevel })
  const shutdown = new Shutdown({ clock, log })
  shutdown.add('close', 'clock', () => clock[Symbol.dispose]())
  try {
    const ports = { clock, log, random: testedRandom() }
    const daemon = await startInTurns({ options, folder, configuration, shutdown, ports })
    shutdown.onSignals()
    return daemon
  } catch (error) {
    await shutdown.run('start refused')
    throw error
  }
}

/** The configuration for one daemon of a site. @throws GatewayRefusal `CONFIG_INVALID` */
function configurationOf(written: SiteConfiguration, as: string | undefined): SiteConfiguration {
  const { daemons } = written
  if (as === undefined && daemons.length === 0) return written
  const own = daemons.find(({ name }) => name === as)
  if (own === undefined) {
    const names = daemons.map(({ name }) => name).join(', ') || 'none'
    const message = `Expected --as with a name among "daemons" of the configuration: ${names}`
    throw new GatewayRefusal('CONFIG_INVALID', message)
  }
  const { northListener, etsi004Listener } = own
  const configuration: SiteConfiguration = { ...written, northListener }
  if (etsi004Listener === undefined) delete configuration.etsi004Listener
  else configuration.etsi004Listener = etsi004Listener
  return configuration
}
