"""Renders the catalogue as Salesforce's describe does, every key of a real answer included."""

from __future__ import annotations

from typing import Any, Final

from sync_pipeline.sandbox.salesforce.catalogue import NUMBER_TYPES, Catalogue, FieldDef, ObjectDef

_SOAP_TYPES: Final = {
    "id": "tns:ID", "reference": "tns:ID", "boolean": "xsd:boolean", "date": "xsd:date", "datetime": "xsd:dateTime",
    "int": "xsd:int", "double": "xsd:double", "currency": "xsd:double", "percent": "xsd:double",
    "address": "urn:address",
}  # fmt: skip


def describe_object(target: ObjectDef, catalogue: Catalogue, version: str) -> dict[str, Any]:
    """The answer of GET sobjects/X/describe."""
    return {
        **describe_briefly(target, version),
        "actionOverrides": [],
        "associateEntityType": None,
        "associateParentEntity": None,
        "childRelationships": _children(target, catalogue),
        "compactLayoutable": True,
        "defaultImplementation": None,
        "extendedBy": None,
        "extendsInterfaces": None,
        "fields": [describe_field(one) for one in target.fields.values()],
        "implementedBy": None,
        "implementsInterfaces": None,
        "listviewable": None,
        "lookupLayoutable": None,
        "namedLayoutInfos": [],
        "networkScopeFieldName": None,
        "recordTypeInfos": [
            {"active": True, "available": True, "defaultRecordTypeMapping": True, "developerName": "Master",
             "master": True, "name": "Master", "recordTypeId": "012000000000000AAA", "urls": {}}
        ],
        "searchLayoutable": True,
        "sobjectDescribeOption": "FULL",
        "supportedScopes": [{"label": label, "name": name} for name, label in target.scopes.items()],
    }  # fmt: skip


def describe_briefly(target: ObjectDef, version: str) -> dict[str, Any]:
    """The object's entry in GET sobjects/ and in GET sobjects/X."""
    base = f"/services/data/v{version}/sobjects/{target.name}"
    urls = {"rowTemplate": base + "/{ID}", "describe": base + "/describe", "sobject": base}
    if target.has_owner:
        urls["listviews"] = base + "/listviews"
    return {
        "activateable": False,
        "createable": target.createable,
        "custom": target.is_custom,
        "customSetting": False,
        "deepCloneable": False,
        "deletable": target.deletable,
        "deprecatedAndHidden": False,
        "feedEnabled": target.has_owner,
        "hasSubtypes": False,
        "isInterface": False,
        "isSubtype": False,
        "keyPrefix": target.keyPrefix,
        "label": target.label,
        "labelPlural": target.labelPlural,
        "layoutable": True,
        "mergeable": target.mergeable,
        "mruEnabled": True,
        "name": target.name,
        "queryable": True,
        "replicateable": target.replicateable,
        "retrieveable": True,
        "searchable": True,
        "triggerable": target.createable,
        "undeletable": target.undeletable,
        "updateable": target.updateable,
        "urls": urls,
    }


def describe_field(one: FieldDef) -> dict[str, Any]:
    """One entry of a describe's `fields`."""
    is_number = one.type in NUMBER_TYPES
    return {
        "aggregatable": one.filterable and one.type not in ("boolean", "address"),
        "aiPredictionField": False,
        "autoNumber": False,
        "byteLength": 18 if one.length == 18 else one.length * 3,
        "calculated": False,
        "calculatedFormula": None,
        "cascadeDelete": False,
        "caseSensitive": one.caseSensitive,
        "compoundFieldName": one.compoundFieldName,
        "controllerName": None,
        "createable": one.createable,
        "custom": one.custom,
        "defaultValue": False if one.type == "boolean" else one.defaultValue,
        "defaultValueFormula": None,
        "defaultedOnCreate": one.defaultedOnCreate,
        "dependentPicklist": False,
        "deprecatedAndHidden": False,
        "digits": 8 if one.type == "int" else 0,
        "displayLocationInDecimal": False,
        "encrypted": False,
        "externalId": one.externalId,
        "extraTypeInfo": one.extraTypeInfo,
        "filterable": one.filterable,
        "filteredLookupInfo": None,
        "formulaTreatNullNumberAsZero": False,
        "groupable": one.filterable and not is_number and one.type not in ("datetime", "address"),
        "highScaleNumber": False,
        "htmlFormatted": False,
        "idLookup": one.idLookup,
        "inlineHelpText": None,
        "label": one.label,
        "length": one.length,
        "mask": None,
        "maskType": None,
        "name": one.name,
        "nameField": one.nameField,
        "namePointing": False,
        "nillable": one.nillable,
        "permissionable": one.nillable and one.updateable,
        "picklistValues": [
            {
                "active": True,
                "defaultValue": value == one.defaultValue,
                "label": value,
                "validFor": None,
                "value": value,
            }
            for value in one.picklistValues
        ],
        "polymorphicForeignKey": False,
        "precision": 18 if is_number and one.type != "int" else 0,
        "queryByDistance": one.type == "address",
        "referenceTargetField": None,
        "referenceTo": list(one.referenceTo),
        "relationshipName": one.relationshipName,
        "relationshipOrder": None,
        "restrictedDelete": False,
        "restrictedPicklist": one.restrictedPicklist,
        "scale": 0,
        "searchPrefilterable": one.type == "reference",
        "soapType": _SOAP_TYPES.get(one.type, "xsd:string"),
        "sortable": one.sortable,
        "type": one.type,
        "unique": one.unique,
        "updateable": one.updateable,
        "writeRequiresMasterRead": False,
    }


_CHILDREN: Final = {
    ("Account", "Contact", "AccountId"): "Contacts",
    ("Account", "Account", "ParentId"): "ChildAccounts",
}


def child_relationships(target: ObjectDef, catalogue: Catalogue) -> dict[str, tuple[ObjectDef, FieldDef]]:
    """Relationship name in lower case -> (child object, its field that refers to the parent)."""
    return {
        _CHILDREN[target.name, child.name, one.name].lower(): (child, one)
        for child in catalogue.objects.values()
        for one in child.fields.values()
        if (target.name, child.name, one.name) in _CHILDREN
    }


def _children(target: ObjectDef, catalogue: Catalogue) -> list[dict[str, Any]]:
    return [
        {
            "cascadeDelete": (target.name, child.name, one.name) == ("Account", "Contact", "AccountId"),
            "childSObject": child.name,
            "deprecatedAndHidden": False,
            "field": one.name,
            "junctionIdListNames": [],
            "junctionReferenceTo": [],
            "relationshipName": _CHILDREN.get((target.name, child.name, one.name)),
            "restrictedDelete": False,
        }
        for child in catalogue.objects.values()
        for one in child.fields.values()
        if target.name in one.referenceTo
    ]
