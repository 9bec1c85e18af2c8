/**
 * Fifty links at ten samples a second: whether the browser still draws every frame.
 *
 * The daemon's own listener tells them, with the network they lie in, from a state that is made up.
 *
 * @module
 */

import { setTimeout as pause } from 'node:timers/promises'
import type { Page } from 'playwright-core'
import {
  siteRoutes,
  type Handlers,
  type LinkView,
  type NetworkView,
  type StatusView,
} from '#contract'
import { ConsoleSessions, JsonLog, openConsole, SystemClock, testedRandom } from '#gateway'
import { openChromium, PAGES } from '../test/browser/browser.ts'

export interface LinkFigures {
  readonly frames: number
  /** Zero where no task of the page reached 50 ms. */
  readonly longTaskMs: number
}

export async function measureLinks(): Promise<LinkFigures> {
  using clock = new SystemClock()
  const log = new JsonLog({ clock, sinks: [], least: 'error' })
  const sessions = new ConsoleSessions({ clock, random: testedRandom() })
  const handlers = made()
  await using listener = await openConsole({
    ...{ listen: { host: '127.0.0.1', port: 0 }, pages: PAGES, table: ASKED, sessions, log },
    handlersFor: () => handlers,
  })
  const browser = await openChromium()
  try {
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 } })
    await page.goto(listener.newLink())
    await page.getByRole('row', { name: /link-50/ }).waitFor()
    await page.waitForTimeout(WARM_MS)
    return await framesOf(page)
  } finally {
    await browser.close()
  }
}

const framesOf = async (page: Page): Promise<LinkFigures> =>
  await page.evaluate<LinkFigures>(`new Promise((resolve) => {
    let [frames, longTaskMs] = [0, 0]
    const observer = new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) longTaskMs = Math.max(longTaskMs, duration)
    })
    observer.observe({ type: 'longtask' })
    const begun = performance.now()
    const draw = (now) => {
      if (now - begun < ${String(LOOK_MS)}) {
        frames++
        requestAnimationFrame(draw)
      } else resolve({ frames: (frames * 1000) / (now - begun), longTaskMs })
    }
    requestAnimationFrame(draw)
  })`)

const { status, network, watchLinks, alarms } = siteRoutes
const ASKED = { status, network, watchLinks, alarms }

function made(): Handlers<typeof ASKED> {
  return {
    status: () => Promise.resolve(STATE),
    network: () => Promise.resolve(NETWORK),
    alarms: () => Promise.resolve([]),
    watchLinks: async function* (_query, _body, signal) {
      for (let at = 0; !signal.aborted; at++) {
        yield LINKS.map((link, one) => sampled(link, at + one))
        await pause(SAMPLE_MS)
      }
    },
  }
}

const LINKS = Array.from({ length: 50 }, (_, at): LinkView => {
  const number = String(at + 1).padStart(2, '0')
  return {
    ...{ link: `link-${number}`, peer: `site-${number}`, role: 'transmitter' },
    ...{ protocol: 'decoy-bb84', state: 'running', reason: '', since: 0, simulated: true },
    ...{ epoch: 1, clockHz: 1e9, qber: 0.016, chsh: null, chshTest: null },
    ...{ siftedBitsPerSecond: 5.4e6, secretBitsPerSecond: 2.6e6, blocksDistilled: at },
    ...{ blocksDiscarded: {}, efficiency: 1.04, secretBits: 1e9, epsilonSpent: 1e-7 },
    ...{ authenticationSource: '1/1', padsLeft: 200, batchesLost: 0, bootstrap: 'signature' },
    preSharedSessions: null,
  }
})

/** Somewhat different at each sample, as measured figures are. */
const sampled = (link: LinkView, at: number): LinkView => ({
  ...link,
  qber: 0.016 + 0.004 * Math.sin(at / 7),
  secretBitsPerSecond: 2.6e6 + 1e5 * Math.cos(at / 5),
  blocksDistilled: at,
})

const NETWORK: NetworkView = {
  ...{ site: 'hub', declared: [], isolated: [], pairs: [], links: [] },
  nodes: ['hub', ...LINKS.map(({ peer }) => peer)].map((site, at) => ({
    ...{ site, title: '', kind: 'hospital', relays: true },
    place: { latitude: 50.5 + 5 * ((at * 0.618) % 1), longitude: -4 + 5 * ((at * 0.382) % 1) },
  })),
}

const STATE: StatusView = {
  ...{ site: 'hub', version: '0', profile: 'demo', role: 'hospital', startedAt: 0, at: 0 },
  ...{ folder: '/', engine: 'none', listeners: [], daemons: [], links: LINKS },
  peers: LINKS.map(({ peer }) => ({ site: peer, connected: true })),
  pools: LINKS.map(({ peer }) => ({
    ...{ peer, availableBits: 256_000, availableKeys: 1000, heldBlocks: 0, serving: true },
    ready: { application: 1000, emergency: 1000, own: 1000 },
    ...{ peerBits: 256_000, waitingKeys: 0, pendingVoids: 0, links: [] },
  })),
  ...{ patients: 0, items: 0, logEntries: 0, checkpointSize: 0, witnesses: [] },
  ...{ transfersWaiting: 0, scrubbed: null, alarms: [] },
}

const SAMPLE_MS = 100
const WARM_MS = 4000
const LOOK_MS = 10_000
