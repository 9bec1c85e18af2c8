/**
 * A long list that is drawn as far as somebody looks: more of it whenever its end comes near, or by key.
 *
 * @module
 */

import { Button } from '@mantine/core'
import { useEffect, useRef, useState, type ReactNode } from 'react'
import { filled, texts } from '../texts.ts'
import { grouped } from '../format.ts'

export function Growing<T>(about: {
  readonly of: readonly T[]
  /** What is there besides and has not been asked for yet. */
  readonly onEnd?: (() => void) | undefined
  readonly children: (shown: readonly T[]) => ReactNode
}) {
  const { of: all, onEnd, children } = about
  const [length, setLength] = useState(STEP)
  const end = useRef<HTMLDivElement>(null)
  const isWhole = length >= all.length
  useEffect(() => {
    if (end.current === null || isWhole) return
    const watcher = new IntersectionObserver(
      (seen) => {
        if (seen.some(({ isIntersecting }) => isIntersecting)) setLength((now) => now + STEP)
      },
      { rootMargin: '600px' },
    )
    watcher.observe(end.current)
    return () => watcher.disconnect()
  }, [isWhole, length])
  const more = isWhole ? onEnd : () => setLength((now) => now + STEP)
  return (
    <>
      {children(isWhole ? all : all.slice(0, length))}
      {more !== undefined && (
        <div ref={end}>
          <Button variant="default" size="xs" onClick={more}>
            {isWhole ? texts.older : filled(texts.more, { count: grouped(all.length - length) })}
          </Button>
        </div>
      )}
    </>
  )
}

/** Rows that are added at a time. */
const STEP = 100
