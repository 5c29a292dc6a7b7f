"""The picture of a status, at a glance and in little room: what carries traffic, which pods are well, what comes next.

    web  BlueGreenApp
    blue 100% ████████████████████████████████████████████████████   0% green
    ▸ blue    active    6.9.0  3/3  ●●●
      green   idle      6.9.1  3/3  ●●●  gate passed 4 min ago

Traffic moves along the bar, blue on the left and green on the right, whatever is active; the mark stands at the color
that is. A pod is ● ready, ◔ starting, ✖ failing or ◌ ending. Nothing is told by color alone, and what cannot show these
signs gets plain letters.

    db  StatefulApp  rolling out: 1 of 3 pods updated, 0 ready
    ▸ 6.9.0  present   2/2  ●●
      6.9.1  canary    0/1  ◔  ordinal 2

An app of one version has a line for each version that its pods run, of which the marked one is to stay.
"""
