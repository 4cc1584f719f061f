"""resource.new, resource.drop, resource.rep.

Source: CanonicalABI.md, "`canon resource.new`" and following.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from weft.canon.handles import get_resource, remove_resource
from weft.runtime.resource import ResourceHandle, ResourceType

if TYPE_CHECKING:
    from weft.runtime.instance import ComponentInstance


def canon_resource_new(inst: ComponentInstance, rt: ResourceType, rep: int) -> int:
    """Make an owned handle of the representation `rep`."""
    inst.check_may_leave()
    return inst.handles.add(ResourceHandle(rt, rep, own=True))


def canon_resource_drop(inst: ComponentInstance, rt: ResourceType, index: int) -> None:
    """Drop a handle; an owned one takes its resource with it."""
    inst.check_may_leave()
    handle = remove_resource(inst, index, rt)
    if handle.borrow_scope is not None:
        handle.borrow_scope.num_borrows -= 1
    elif rt.destructor is not None:
        rt.destructor(inst.store, handle.rep)


def canon_resource_rep(inst: ComponentInstance, rt: ResourceType, index: int) -> int:
    """Return the representation of a handle of the instance's own type."""
    rep: int = get_resource(inst, index, rt).rep
    return rep
