"""Sessions: a feed of closed bars, the step, one commit a step; DRY_RUN and PAPER."""
