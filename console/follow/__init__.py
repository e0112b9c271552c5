"""Following what goes on in the account: in the background until it ends, and its log while it is in sight.

Bound to no tab: a kind of job says how it is read and when it has ended.
"""
