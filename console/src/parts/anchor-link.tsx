/**
 * A link within the console that looks like one.
 *
 * @module
 */

import { Anchor, type AnchorProps } from '@mantine/core'
import { createLink } from '@tanstack/react-router'
import { forwardRef } from 'react'

const Base = forwardRef<HTMLAnchorElement, Omit<AnchorProps, 'href'>>((props, ref) => (
  <Anchor ref={ref} {...props} />
))
Base.displayName = 'AnchorLink'

export const AnchorLink = createLink(Base)
