/** Watching the link between Bristol and Cambridge. @module */

import type { LinkView } from '#contract'
import { showLink, type Play } from './play.ts'
import { sleep } from './troupe.ts'

/** Shows the link until it is as wanted. */
export async function watchLink(
  play: Play,
  enough: (link: LinkView) => boolean,
): Promise<LinkView> {
  const { stage, bristol, troupe } = play
  const look = async (): Promise<LinkView> => {
    const link = await showLink(play)
    await sleep(LOOK_MS)
    return link
  }
  const link = await troupe.until(bristol, 'a change of the link', look, enough)
  stage.settle()
  return link
}

const LOOK_MS = 400
